package proxy

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
)

// Bounds for what servers say to all clients and has not been passed on yet.
const (
	maxUpdates  = 10_000
	maxMessages = 1000
)

// A news is what servers said to all clients and is to be passed on.
type news struct {
	wake chan struct{} // one slot

	mu       sync.Mutex
	updates  map[resourceID]bool // guarded by mu
	messages []logMessage        // guarded by mu
}

// A logMessage is a log message that belongs to no request.
type logMessage struct {
	server string
	params json.RawMessage
}

// Notify takes what a server says to all clients. It does not wait for any of them:
// what they do not keep up with is dropped. Changed lists are not among it, as
// clients hear of those when what they see has changed.
func (e *Endpoint) Notify(server, method string, params json.RawMessage) {
	switch method {
	case "notifications/resources/updated":
		id := resourceID{server, unquoteString(valueOf(params, "uri"))}
		if !e.anyScope(func(s *scope) bool { return s.wishes.follows(id) }) {
			return
		}
		e.news.mu.Lock()
		if e.news.updates == nil {
			e.news.updates = map[resourceID]bool{}
		}
		if len(e.news.updates) < maxUpdates {
			e.news.updates[id] = true
		}
		e.news.mu.Unlock()
	case "notifications/message":
		e.news.mu.Lock()
		if len(e.news.messages) < maxMessages {
			e.news.messages = append(e.news.messages, logMessage{server, params})
		}
		e.news.mu.Unlock()
	default:
		return
	}
	signal(e.news.wake)
}

// openScopes returns the scopes that somebody has asked for.
func (e *Endpoint) openScopes() []*scope {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.scopes))
}

func (e *Endpoint) anyScope(ok func(*scope) bool) bool {
	return slices.ContainsFunc(e.openScopes(), ok)
}

// tell passes on what servers say and what clients wish, until ctx is done.
func (e *Endpoint) tell(ctx context.Context) {
	told := map[string]call.Wish{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wished:
			e.wish(told)
		case <-e.news.wake:
			e.passNews(ctx)
		}
	}
}

// wish tells of each server what the clients want now, if that is not what was told.
func (e *Endpoint) wish(told map[string]call.Wish) {
	if e.follow == nil {
		return
	}
	now := map[string]call.Wish{}
	c := e.catalog()
	for _, s := range e.openScopes() {
		s.wishes.gather(now, s.loggers(c))
	}
	for server := range told {
		if _, ok := now[server]; !ok {
			now[server] = call.Wish{} // nobody wants anything any more
		}
	}
	for server, w := range now {
		slices.Sort(w.Resources)
		if !w.Equal(told[server]) {
			told[server] = w
			e.follow(server, w)
		}
	}
}

// passNews sends what servers said to the sessions that want it.
func (e *Endpoint) passNews(ctx context.Context) {
	e.news.mu.Lock()
	updates, messages := e.news.updates, e.news.messages
	e.news.updates, e.news.messages = nil, nil
	e.news.mu.Unlock()
	for _, s := range e.openScopes() {
		for id := range updates {
			if s.wishes.follows(id) {
				_ = s.mcp.ResourceUpdated(ctx, &mcp.ResourceUpdatedNotificationParams{URI: id.uri}) // a client may be gone
			}
		}
		for _, m := range messages {
			if s.server == "" || s.server == m.server {
				s.log(ctx, m)
			}
		}
	}
}
