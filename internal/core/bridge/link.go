package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"mcpproxy-tray/internal/core/rawjson"
)

// A place is where messages go, and as whose.
type place struct {
	age      uint64 // how often the link was made anew
	url      string
	token    string
	session  string // empty without one
	protocol string // of the session
}

func (p place) setHeaders(req *http.Request, greeting bool) {
	req.Header.Set("Authorization", "Bearer "+p.token)
	if p.session != "" && !greeting {
		req.Header.Set("Mcp-Session-Id", p.session)
		req.Header.Set("Mcp-Protocol-Version", p.protocol)
	}
}

// A link is the connection to the instance that runs now.
type link struct {
	turn chan struct{} // one slot: who makes it anew

	mu    sync.Mutex // guards the fields below
	at    place
	hello *message // the client's initialize; nil before
	heard bool     // somebody listens to the stream

	wishes map[string]message // of the client, see wish
}

func (l *link) now() place {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

// greet keeps how the client greets, to do it again in its place.
func (l *link) greet(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hello, l.at.session, l.wishes = &m, "", map[string]message{}
}

// note keeps the session that an answer to initialize opens.
func (l *link) note(at place, m message, resp *http.Response) {
	if m.method != "initialize" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.age == at.age {
		l.at.session = resp.Header.Get("Mcp-Session-Id")
	}
}

// listen reports, once, that the stream is to be listened to.
func (l *link) listen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := !l.heard && l.at.session != ""
	l.heard = l.heard || first
	return first
}

// learn keeps what later messages are sent with: the revision, from the answer to
// initialize, and the arguments that tools want repeated, from their list.
func (b *bridge) learn(m message, answer []byte) {
	switch m.method {
	case "initialize":
		b.link.mu.Lock()
		b.link.at.protocol = protocolIn(answer)
		b.link.mu.Unlock()
	case "tools/list":
		for member := range rawjson.Members(answer) {
			if string(member.Key) == "result" {
				b.repeated.NoteList(member.Value)
			}
		}
	}
}

// protocolIn returns the revision that the answer to initialize names.
func protocolIn(answer []byte) (protocol string) {
	for member := range rawjson.Members(answer) {
		if string(member.Key) != "result" {
			continue
		}
		for r := range rawjson.Members(member.Value) {
			if string(r.Key) == "protocolVersion" {
				protocol = text(r.Value)
			}
		}
	}
	return protocol
}

// reconnect finds the instance again, waits for it if there is none, and opens the
// client's session anew. It does nothing if that happened since the link was of that age.
func (b *bridge) reconnect(ctx context.Context, age uint64) error {
	l := &b.link
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	was := l.now()
	if was.age != age {
		return nil
	}
	next, err := b.find(ctx)
	if err != nil {
		return err
	}
	next.age = age + 1
	l.mu.Lock()
	hello := l.hello
	l.mu.Unlock()
	if was.session == "" || hello == nil { // there is none to be opened
		l.move(next)
		return nil
	}
	// Until there is a session, messages go to where it was; what refuses them there has
	// not looked at them, and they wait for this.
	answer, err := b.reopen(ctx, &next, *hello)
	if err != nil {
		return err
	}
	b.log.Info("session opened anew", "url", next.url)
	l.move(next)
	for _, list := range []string{"tools", "prompts", "resources"} {
		if bytes.Contains(answer, []byte(`"`+list+`"`)) {
			b.say(fmt.Appendf(nil, `{"jsonrpc":"2.0","method":"notifications/%s/list_changed"}`, list))
		}
	}
	return nil
}

// move makes a place that where messages go.
func (l *link) move(to place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = to
}

// find asks for the instance until there is one or the time is up.
func (b *bridge) find(ctx context.Context) (place, error) {
	until := time.Now().Add(b.o.Wait)
	for {
		url, token, err := b.o.Find(ctx)
		switch {
		case err == nil && b.answers(ctx, url):
			return place{url: url + b.o.Path, token: token}, nil
		case err == nil: // it has just ended, or is not up yet
			err = ErrNoInstance
		}
		if !errors.Is(err, ErrNoInstance) || time.Now().After(until) {
			return place{}, err
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return place{}, context.Cause(ctx)
		}
	}
}

// answers reports whether an instance serves there.
func (b *bridge) answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// reopen greets as the client did, and asks again for what the client wants to be told
// of. It returns the answer to the greeting.
func (b *bridge) reopen(ctx context.Context, at *place, hello message) (answer []byte, err error) {
	resp, err := b.post(ctx, *at, hello)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return nil, &refusal{resp.StatusCode}
	}
	if answer, err = answerIn(resp); err != nil {
		return nil, err
	}
	at.session, at.protocol = resp.Header.Get("Mcp-Session-Id"), protocolIn(answer)
	again := append([]message{{method: "notifications/initialized", body: []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)}}, b.link.wanted()...)
	for _, m := range again {
		done, err := b.post(ctx, *at, m)
		if err != nil {
			return nil, err
		}
		done.Body.Close() // what the client has learned before was the answer that counts
	}
	return answer, nil
}

// wish keeps what the client wants to be told of, to ask for it again in its place.
func (l *link) wish(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch m.method {
	case "logging/setLevel":
		l.wishes[m.method] = m
	case "resources/subscribe":
		l.wishes["resource "+m.name] = m
	case "resources/unsubscribe":
		delete(l.wishes, "resource "+m.name)
	}
}

func (l *link) wanted() []message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.wishes))
}

// answerIn returns the answer in a response, whichever form it has.
func answerIn(resp *http.Response) (answer []byte, err error) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "text/event-stream" {
		return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	}
	err = eachEvent(resp.Body, func(data []byte) bool {
		if m, err := parse(data); err == nil && m.method == "" {
			answer = m.body
		}
		return answer == nil
	})
	if answer != nil {
		return answer, nil
	}
	return nil, fmt.Errorf("%w: %w", errLost, err)
}

// leave ends the session at the instance, if there is one and it is there.
func (b *bridge) leave(ctx context.Context) {
	at := b.link.now()
	if at.session == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, at.url, nil)
	if err != nil {
		return
	}
	at.setHeaders(req, false)
	if resp, err := b.client.Do(req); err == nil { // else the session ends by itself
		resp.Body.Close()
	}
}

// A refusal is a status that is no success, without words of its own.
type refusal struct{ status int }

func (r *refusal) Error() string {
	switch r.status {
	case http.StatusNotFound:
		return "mcpproxy-tray has nothing at this address: is there a server of that name?"
	case http.StatusUnauthorized:
		return "mcpproxy-tray does not accept the token in its own file. Start it again."
	}
	return fmt.Sprintf("mcpproxy-tray answered with HTTP %d.", r.status)
}

// unsent reports whether an error says that no connection was made.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
