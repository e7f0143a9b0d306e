//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

const sessionHeader = "Mcp-Session-Id"

func (s *server) serveHTTP(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/mcp\n", l.Addr())
	return http.Serve(l, s)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch c := s.caller(r); {
	case r.Method == http.MethodPost:
		s.post(w, r, c)
	case c == nil || s.modern():
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Method == http.MethodGet:
		c.stream(w, r)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	}
}

// caller returns the session of a request, or nil; of the newest revision each request has its own.
func (s *server) caller(r *http.Request) *caller {
	if s.modern() {
		return newCaller()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.callers[r.Header.Get(sessionHeader)]
}

func (s *server) post(w http.ResponseWriter, r *http.Request, c *caller) {
	var m message
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &m) != nil {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	if c == nil && m.Method == "initialize" {
		c = s.open(w)
	}
	switch {
	case c == nil:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32600,"message":"No session"}}`, m.ID)
		return
	case m.Method == "" || m.ID == nil:
		c.notify(m)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	events := &stream{w: w}
	t, end := c.begin(m, events.send)
	defer end()
	if s.modern() { // to close the stream is to cancel
		gone := make(chan struct{})
		t.gone = gone
		done := make(chan struct{})
		defer close(done)
		go func() {
			select {
			case <-r.Context().Done():
				close(gone)
			case <-done:
			}
		}()
	}
	w.Header().Set("Content-Type", "text/event-stream")
	s.run(t)
}

// open begins a session.
func (s *server) open(w http.ResponseWriter) *caller {
	c := newCaller()
	s.add(c.session(c.say))
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("odd-%d", len(s.callers)+1)
	s.callers[id] = c
	w.Header().Set(sessionHeader, id)
	return c
}

// A stream is the answer to a request, as events.
type stream struct {
	mu sync.Mutex // held while an event is written
	w  http.ResponseWriter
}

func (e *stream) send(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.w, "event: message\ndata: %s\n\n", text)
	_ = http.NewResponseController(e.w).Flush() // a caller that has gone needs none
}

// stream says what nobody asked for, until the caller leaves.
func (c *caller) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	events := &stream{w: w}
	_ = http.NewResponseController(w).Flush() // a caller that has left is seen below
	for {
		select {
		case text := <-c.heard:
			events.send(text)
		case <-r.Context().Done():
			return
		}
	}
}

// say keeps a message until the caller's stream takes it.
func (c *caller) say(text string) {
	select {
	case c.heard <- text:
	default: // it has not listened for a hundred of them
	}
}
