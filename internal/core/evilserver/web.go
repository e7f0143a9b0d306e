//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
)

// An exchange is one HTTP request and what is made of its answer.
type exchange struct {
	w      http.ResponseWriter
	r      *http.Request
	events bool     // answer as a stream of events
	early  []string // messages before the answer
	id     []byte   // of the request
}

// A stable is all servers of this process, by path.
type stable struct {
	options
	mu      sync.Mutex         // guards servers
	servers map[string]*server // each with its streams
}

func serveHTTP(o options) error {
	l, err := net.Listen("tcp", o.http)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/mcp\n", l.Addr())
	return http.Serve(l, newStable(o))
}

func newStable(o options) *stable { return &stable{options: o, servers: map[string]*server{}} }

func (st *stable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, err := st.server(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.serveWeb(w, r)
}

// server returns the server of a path; the first request makes it.
func (st *stable) server(r *http.Request) (*server, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s := st.servers[r.URL.Path]; s != nil {
		return s, nil
	}
	script := st.script
	if own := r.URL.Query().Get("script"); own != "" {
		script = own
	}
	o := st.options
	o.seed += uint64(len(st.servers))
	s, err := newServer(o, script)
	if err != nil {
		return nil, err
	}
	heard := &streams{open: map[chan string]bool{}}
	s.say, s.heard = heard.say, heard
	st.servers[r.URL.Path] = s
	s.start()
	return s, nil
}

// streams are the event streams on which a server says what nobody asked for.
type streams struct {
	mu   sync.Mutex // guards open
	open map[chan string]bool
}

func (t *streams) say(text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.open {
		select {
		case c <- text:
		default: // it is behind
		}
	}
	return nil
}

func (t *streams) add() (messages chan string, remove func()) {
	c := make(chan string, 100)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[c] = true
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.open, c)
	}
}

func (s *server) serveWeb(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r}
	req := &request{Method: r.Method, web: x, send: x.send}
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, req) != nil {
			http.Error(w, "no message", http.StatusBadRequest)
			return
		}
		x.id = req.ID
	}
	if s.isDown() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if s.misbehave(req) {
		return
	}
	switch {
	case req.Method != "initialize" && !s.modern && !s.known(r.Header.Get("Mcp-Session-Id")):
		http.Error(w, "no such session", http.StatusNotFound)
	case r.Method == http.MethodGet && !s.modern:
		s.stream(w, r)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case len(req.ID) == 0:
		w.WriteHeader(http.StatusAccepted)
	default:
		if req.Method == "initialize" {
			w.Header().Set("Mcp-Session-Id", s.open())
		}
		s.answer(req)
	}
}

// send writes the answer, after the messages before it.
func (x *exchange) send(text string) error {
	var m struct {
		ID     json.RawMessage
		Method string
	}
	if json.Unmarshal([]byte(text), &m) == nil && (m.Method != "" || string(m.ID) != string(x.id)) {
		x.early, x.events = append(x.early, text), true
		return nil
	}
	if !x.events {
		x.w.Header().Set("Content-Type", "application/json")
		_, err := io.WriteString(x.w, text)
		return err
	}
	x.w.Header().Set("Content-Type", "text/event-stream")
	for _, before := range append(x.early, text) {
		if _, err := fmt.Fprintf(x.w, "data: %s\n\n", before); err != nil {
			return err
		}
	}
	x.early = nil
	return nil
}

func (s *server) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

func (s *server) known(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[session]
}

// open begins a session.
func (s *server) open() string {
	id := fmt.Sprintf("%016x", rand.Uint64())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[id] = true
	return id
}

// stream says what nobody asked for, until the client leaves or all is cut.
func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	messages, remove := s.heard.add()
	defer remove()
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	for {
		_ = http.NewResponseController(w).Flush() // a client that has left is seen below
		select {
		case text := <-messages:
			fmt.Fprintf(w, "data: %s\n\n", text)
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}
