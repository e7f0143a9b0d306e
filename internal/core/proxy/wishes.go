package proxy

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/call"
)

// A resourceID is a resource of a server.
type resourceID struct{ server, uri string }

// A wishes is what the clients of a scope want to be told of.
type wishes struct {
	mu        sync.Mutex
	resources map[resourceID]map[*mcp.ServerSession]bool // who wants its updates; guarded by mu
	levels    map[string]int                             // of the log, by session id; guarded by mu
}

// follow notes that a session wants to hear of a resource.
func (w *wishes) follow(session *mcp.ServerSession, id resourceID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.resources[id][session] && w.of(session) >= maxFollowed {
		return invalid(fmt.Sprintf("A session follows %d resources at most.", maxFollowed))
	}
	if w.resources == nil {
		w.resources = map[resourceID]map[*mcp.ServerSession]bool{}
	}
	if w.resources[id] == nil {
		w.resources[id] = map[*mcp.ServerSession]bool{}
	}
	w.resources[id][session] = true
	return nil
}

// maxFollowed is how many resources one session may follow.
const maxFollowed = 1000

// of returns how many resources a session follows. The caller holds mu.
func (w *wishes) of(session *mcp.ServerSession) (n int) {
	for _, who := range w.resources {
		if who[session] {
			n++
		}
	}
	return n
}

// unfollow notes that a session does not want to hear of a URI any more, whosever it
// was when the session asked for it.
func (w *wishes) unfollow(session *mcp.ServerSession, uri string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, who := range w.resources {
		if id.uri != uri {
			continue
		}
		delete(who, session)
		if len(who) == 0 {
			delete(w.resources, id)
		}
	}
}

// forget drops what a session that has ended wanted.
func (w *wishes) forget(session string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.levels, session)
	for id, who := range w.resources {
		for s := range who {
			if s.ID() == session {
				delete(who, s)
			}
		}
		if len(who) == 0 {
			delete(w.resources, id)
		}
	}
}

// follows reports whether anybody wants to hear of a resource.
func (w *wishes) follows(id resourceID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.resources[id]) > 0
}

func (w *wishes) setLevel(session string, level int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.levels == nil {
		w.levels = map[string]int{}
	}
	w.levels[session] = level
}

// level returns the level that a session wants; -1 if it did not say.
func (w *wishes) level(session string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n, ok := w.levels[session]; ok {
		return n
	}
	return -1
}

// gather adds the wishes to those of other scopes, by server. logs are the servers
// whose log messages the scope's clients get.
func (w *wishes) gather(all map[string]call.Wish, logs []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.resources {
		wish := all[id.server]
		if !slices.Contains(wish.Resources, id.uri) {
			wish.Resources = append(wish.Resources, id.uri)
		}
		all[id.server] = wish
	}
	for _, n := range w.levels {
		for _, server := range logs {
			wish := all[server]
			if wish.LogLevel == "" || n < slices.Index(logLevels, wish.LogLevel) {
				wish.LogLevel = logLevels[n]
			}
			all[server] = wish
		}
	}
}

// subscribe notes that a session wants to hear of a resource.
func (s *scope) subscribe(_ context.Context, r *mcp.SubscribeRequest) error {
	id, err := s.resource(r.Params.URI)
	if err != nil {
		return err
	}
	if err := s.wishes.follow(r.Session, id); err != nil {
		return err
	}
	signal(s.wished)
	return nil
}

func (s *scope) unsubscribe(_ context.Context, r *mcp.UnsubscribeRequest) error {
	s.wishes.unfollow(r.Session, r.Params.URI)
	signal(s.wished)
	return nil
}

// resource finds the server that has a resource and tells of its updates.
func (s *scope) resource(uri string) (resourceID, error) {
	c := s.catalog()
	server := s.server
	if server == "" {
		var ok bool
		if server, ok = c.ownerOf(uri); !ok {
			return resourceID{}, invalid("No server has this resource.")
		}
	}
	if o := c.offer(server); o == nil || !o.can.subscribe {
		return resourceID{}, invalid(fmt.Sprintf("The server %q does not tell of changes of its resources.", server))
	}
	return resourceID{server, uri}, nil
}
