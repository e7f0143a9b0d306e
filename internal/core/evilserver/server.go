//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A server is one MCP server: the only one of a process over stdio, or one path over HTTP.
type server struct {
	options
	calendar *calendar
	ledger   *os.File           // nil if none is kept
	say      func(string) error // sends what nobody asked for
	heard    *streams           // over HTTP: where say sends
	edition  atomic.Int64       // of the list of tools

	mu        sync.Mutex     // guards all below
	received  map[string]int // calls by their id
	ignoreEOF bool
	sessions  map[string]bool // over HTTP
	cut       chan struct{}   // closed to end all streams
	down      bool            // over HTTP: answers 503
}

// A request is one message of the client, or what HTTP sent in its place.
type request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params params          `json:"params"`

	web  *exchange          // nil over stdio
	send func(string) error // sends one message to where the answer belongs
}

type params struct {
	Name      string
	Arguments struct {
		ID      string `json:"id"`
		Text    string
		Seconds float64
		Script  string
	}
}

// A reply is an answer; one of both is empty.
type reply struct{ result, err string }

func newServer(o options, script string) (*server, error) {
	steps, err := parseScript(script)
	if err != nil {
		return nil, err
	}
	s := &server{
		options: o, calendar: newCalendar(steps, o.seed),
		received: map[string]int{}, sessions: map[string]bool{}, cut: make(chan struct{}),
	}
	if o.ledger != "" {
		s.ledger, err = os.OpenFile(o.ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	}
	return s, err
}

// misbehave counts a message and commits what is due. It reports whether the
// message is dealt with.
func (s *server) misbehave(r *request) bool {
	if id := r.Params.Arguments.ID; r.Method == "tools/call" && id != "" {
		s.enter(id)
	}
	for _, step := range s.calendar.due(r.Method) {
		if step.do(s, r, step.value) {
			return true
		}
	}
	return false
}

// enter notes that a call has arrived. The file outlives the process.
func (s *server) enter(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received[id]++
	if s.ledger != nil {
		fmt.Fprintln(s.ledger, id)
	}
}

// start commits what is due before the first message.
func (s *server) start() {
	for _, step := range s.calendar.due("start") {
		step.do(s, &request{Method: "start", send: s.say}, step.value)
	}
}

// answer sends the answer that a good server would.
func (s *server) answer(r *request) {
	if len(r.ID) > 0 {
		_ = r.send(s.respond(r).encode(string(r.ID))) // a client that has gone needs none
	}
}

func (a reply) encode(id string) string {
	if a.err != "" {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":%s}`, id, a.err)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, a.result)
}

const unknownMethod = `{"code":-32601,"message":"Method not found"}`

func (s *server) respond(r *request) reply {
	if s.modern && r.Method != "server/discover" && !strings.HasPrefix(r.Method, "tools/") {
		return reply{err: unknownMethod}
	}
	switch r.Method {
	case "server/discover":
		if s.modern {
			return reply{result: `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"}`}
		}
	case "initialize":
		return reply{result: `{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"evilserver","version":"1"}}`}
	case "ping":
		return reply{result: `{}`}
	case "tools/list":
		return reply{result: fmt.Sprintf(`{%s"tools":[%s]}`, s.hop(), strings.Join(s.tools(), ","))}
	case "tools/call":
		return s.call(r.Params)
	}
	return reply{err: unknownMethod}
}

// hop is what the newer revision wants in every result.
func (s *server) hop() string {
	if s.modern {
		return `"resultType":"complete",`
	}
	return ""
}

// tools returns the definitions; the first has another text with each edition.
func (s *server) tools() []string {
	tool := func(name, description, properties string) string {
		return fmt.Sprintf(`{"name":%q,"description":%q,"inputSchema":{"type":"object","properties":{"id":{"type":"string"}%s}}}`,
			name, description, properties)
	}
	return []string{
		tool("echo", fmt.Sprintf("Returns text, edition %d.", s.edition.Load()), `,"text":{"type":"string"}`),
		tool("sleep", "Answers after some seconds.", `,"seconds":{"type":"number"}`),
		tool("counts", "Returns how often each call has arrived.", ""),
		tool("misbehave", "Adds to the script.", `,"script":{"type":"string"}`),
	}
}

func (s *server) call(p params) reply {
	text := p.Arguments.Text
	switch p.Name {
	case "echo":
	case "sleep":
		time.Sleep(time.Duration(p.Arguments.Seconds * float64(time.Second)))
		text = cmp.Or(text, "slept")
	case "counts":
		s.mu.Lock()
		defer s.mu.Unlock()
		text = quote(s.received)
	case "misbehave":
		steps, err := parseScript(p.Arguments.Script)
		if err != nil {
			return reply{err: fmt.Sprintf(`{"code":-32602,"message":%s}`, quote(err.Error()))}
		}
		s.calendar.add(steps)
		for _, step := range steps {
			if step.when.what == "start" {
				step.do(s, &request{Method: "start", send: s.say}, step.value)
			}
		}
	default:
		return reply{err: `{"code":-32602,"message":"Unknown tool"}`}
	}
	return reply{result: fmt.Sprintf(`{%s"content":[{"type":"text","text":%s}]}`, s.hop(), quote(text))}
}

func quote(v any) string {
	text, _ := json.Marshal(v) // strings and numbers always encode
	return string(text)
}
