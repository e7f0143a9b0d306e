package proxy

import (
	"crypto/rand"
	"encoding/json"
	"sync"

	"mcpproxy-tray/internal/core/rawjson"
)

// An asked holds what clients with a session are being asked, each under an id that
// nobody can guess, so that no client answers in place of another.
type asked struct {
	mu   sync.Mutex
	open map[requestKey]chan message // by session and id; guarded by mu
}

// begin returns a new id, and where its answer will arrive.
func (a *asked) begin(session string) (id string, answer <-chan message) {
	id = rand.Text()
	c := make(chan message, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[requestKey]chan message{}
	}
	a.open[requestKey{session: session, id: id}] = c
	return id, c
}

func (a *asked) end(session, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, requestKey{session: session, id: id})
}

// answer takes a client's answer. One to nothing that its session was asked is dropped.
func (a *asked) answer(session string, m *message) {
	key := requestKey{session: session, id: unquoteString(m.id)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.open[key]; c != nil {
		delete(a.open, key)
		c <- *m
	}
}

// asks reports whether a method is one by which a client can be asked something.
func asks(method string) bool {
	switch method {
	case "elicitation/create", "sampling/createMessage", "roots/list":
		return true
	}
	return false
}

// askable reports whether a client can be asked anything.
func askable(capabilities json.RawMessage) bool {
	for m := range rawjson.Members(capabilities) {
		switch string(m.Key) {
		case "elicitation", "sampling", "roots":
			return true
		}
	}
	return false
}
