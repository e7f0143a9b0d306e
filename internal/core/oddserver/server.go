//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// A server speaks one revision to any number of callers.
type server struct {
	era string

	mu        sync.Mutex         // guards all below
	callers   map[string]*caller // over HTTP, by session
	listeners map[*listener]bool
	late      map[string]bool // which lists have their late entry
	waiting   int             // calls that wait to be cancelled
	cancelled int
}

func newServer(era string) *server {
	return &server{era: era, callers: map[string]*caller{}, listeners: map[*listener]bool{}, late: map[string]bool{}}
}

// A caller is a client: a session, or of the newest revision one process or one request.
type caller struct {
	mu         sync.Mutex // guards all below
	asked      int        // requests to it so far
	answers    map[string]chan message
	running    map[string]chan struct{} // closed when the call with this id is cancelled
	subscribed map[string]bool
	level      string
	capable    map[string]bool // by capability that the caller has declared
	heard      chan string     // over HTTP: what nobody asked for
}

func newCaller() *caller {
	return &caller{answers: map[string]chan message{}, running: map[string]chan struct{}{}, subscribed: map[string]bool{}, heard: make(chan string, 100)}
}

// A message is one of either side.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// params are those that the server itself looks at.
type params struct {
	Name, URI, Cursor, Level string
	Capabilities             map[string]json.RawMessage
	Arguments                json.RawMessage
	InputResponses           map[string]json.RawMessage
	RequestID                json.RawMessage
	Meta                     struct {
		Token        json.RawMessage            `json:"progressToken"`
		Level        string                     `json:"io.modelcontextprotocol/logLevel"`
		Capabilities map[string]json.RawMessage `json:"io.modelcontextprotocol/clientCapabilities"`
	} `json:"_meta"`
	Notifications struct {
		ToolsListChanged, PromptsListChanged, ResourcesListChanged bool
		ResourceSubscriptions                                      []string
	}
}

// A turn is one request of a caller and the way to it.
type turn struct {
	message
	params
	from *caller
	send func(string)  // to where the answer goes
	gone chan struct{} // closed when nobody waits for the answer any more
}

func (s *server) modern() bool { return s.era >= modernEra }

// notify takes what is not a request: notifications, and answers to ours.
func (c *caller) notify(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Method == "" {
		if answer := c.answers[string(m.ID)]; answer != nil {
			answer <- m
			delete(c.answers, string(m.ID))
		}
		return
	}
	var p params
	if m.Method == "notifications/cancelled" && json.Unmarshal(m.Params, &p) == nil {
		if gone := c.running[string(p.RequestID)]; gone != nil {
			close(gone)
			delete(c.running, string(p.RequestID))
		}
	}
}

// begin makes a turn of a request; end forgets it.
func (c *caller) begin(m message, send func(string)) (t *turn, end func()) {
	t = &turn{message: m, from: c, send: send, gone: make(chan struct{})}
	_ = json.Unmarshal(m.Params, &t.params) // what is not understood is not used
	id := string(m.ID)
	if caps := t.params.Meta.Capabilities; caps != nil {
		c.declare(caps)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[id] = t.gone
	return t, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, id)
	}
}

// ask sends a request to the caller on the stream of the turn and returns its answer.
func (t *turn) ask(method, params string) string {
	c := t.from
	answer := make(chan message, 1)
	c.mu.Lock()
	c.asked++
	id := fmt.Sprintf(`"odd-%d"`, c.asked)
	c.answers[id] = answer
	c.mu.Unlock()
	t.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"id":%s,"params":%s}`, method, id, params))
	select {
	case m := <-answer:
		if m.Error != nil {
			return string(m.Error)
		}
		return string(m.Result)
	case <-t.gone:
		return `"gone"`
	}
}

// run answers a request; a call that was cancelled has no answer.
func (s *server) run(t *turn) {
	if s.modern() && t.Method == "subscriptions/listen" {
		s.listen(t)
		return
	}
	result, failure := s.respond(t)
	select {
	case <-t.gone:
		return
	default:
	}
	if failure != "" {
		t.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":%s}`, t.ID, failure))
		return
	}
	if s.modern() && !strings.Contains(result, `"resultType":`) {
		result = `"resultType":"complete",` + result
	}
	t.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{%s}}`, t.ID, strings.TrimSuffix(result, ",")))
}

// respond returns the members of the result, or the error.
func (s *server) respond(t *turn) (result, failure string) {
	switch t.Method {
	case "server/discover":
		if s.modern() {
			return fmt.Sprintf(`"supportedVersions":[%q],%s,"_meta":{"io.modelcontextprotocol/serverInfo":%s}`, s.era, greeting, itself), ""
		}
	case "initialize":
		if !s.modern() {
			t.from.declare(t.Capabilities)
			return fmt.Sprintf(`"protocolVersion":%q,%s,"serverInfo":%s`, s.era, greeting, itself), ""
		}
	case "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe":
		if !s.modern() {
			return "", t.from.set(t)
		}
	case "tools/list", "prompts/list", "resources/list", "resources/templates/list":
		return s.list(t), ""
	case "tools/call":
		return s.call(t)
	case "prompts/get":
		if t.Name != "greet" {
			return "", noPrompt
		}
		return fmt.Sprintf(`"future":1.0,"messages":[{"role":"narrator","content":{"type":"hologram","n":9007199254740993}},{"role":"user","content":{"type":"text","text":%s}}]`, quote(string(t.Arguments))), ""
	case "resources/read":
		return read(t.URI)
	case "completion/complete":
		return completions, ""
	case "tasks/get":
		return taskState, ""
	case "com.example/echo":
		return fmt.Sprintf(`"echo":%s,"n":12345678901234567890`, quote(s.reflect(t.Params))), ""
	}
	return "", noMethod
}

func read(uri string) (result, failure string) {
	if uri != "odd://a" && !strings.HasPrefix(uri, "odd://t/") {
		return "", noResource
	}
	return fmt.Sprintf(`"zeta":1,"contents":[{"future":{"b":1,"a":2},"uri":%s,"text":"odd","n":9007199254740993}]`, quote(uri)), ""
}

// set keeps what a session has asked for. It returns no error, and the result is empty.
func (c *caller) set(t *turn) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch t.Method {
	case "logging/setLevel":
		c.level = t.params.Level
	case "resources/subscribe":
		c.subscribed[t.URI] = true
	case "resources/unsubscribe":
		delete(c.subscribed, t.URI)
	}
	return ""
}

func (c *caller) declare(capabilities map[string]json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.capable = map[string]bool{}
	for name := range capabilities {
		c.capable[name] = true
	}
}

func (c *caller) can(capability string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.capable[capability]
}

func quote(v any) string {
	text, _ := json.Marshal(v) // strings and numbers always encode
	return string(text)
}
