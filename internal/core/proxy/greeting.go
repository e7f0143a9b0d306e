package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcpproxy-tray/internal/core/rawjson"
)

// A greeting is what the endpoint says of itself in a handshake.
type greeting struct {
	info         []byte // JSON object
	capabilities []byte // JSON object
	instructions string // for models; may be empty
}

// greeting returns a single server's own words, or those of the whole endpoint.
func (s *scope) greeting(c *catalog) greeting {
	if s.search != nil {
		return s.search.greeting(s.self, c)
	}
	if s.server == "" {
		return greeting{s.self, c.capabilities(`"tools":{"listChanged":true}`), c.instructions()}
	}
	g := greeting{info: s.info(c), capabilities: []byte(`{"tools":{"listChanged":true}}`)}
	o := c.offer(s.server)
	switch {
	case o == nil:
	case o.awaits:
		g.capabilities = unknownCapabilities
	case o.held != nil:
		g.instructions = o.said.Instructions
		if o.said.Capabilities != "" {
			g.capabilities = rawjson.OneLine([]byte(o.said.Capabilities))
		}
	}
	return g
}

// unknownCapabilities are those of a server that has not told its own yet. It may
// have any list, and whether it has is announced.
var unknownCapabilities = []byte(`{"prompts":{"listChanged":true},"resources":{"listChanged":true},"tools":{"listChanged":true}}`)

// info returns who answers at the scope, as JSON.
func (s *scope) info(c *catalog) []byte {
	if o := c.offer(s.server); s.server != "" && o != nil && o.said.Info != "" {
		return rawjson.OneLine([]byte(o.said.Info))
	}
	return s.self
}

// greet lets the library do a handshake and puts our greeting into its answer.
func (s *scope) greet(answered mcp.Result) mcp.Result {
	c := s.catalog()
	g := s.greeting(c)
	var out bytes.Buffer
	switch r := answered.(type) {
	case *mcp.InitializeResult:
		fmt.Fprintf(&out, `{"capabilities":%s,"protocolVersion":%s,"serverInfo":%s`, g.capabilities, quote(r.ProtocolVersion), g.info)
	case *mcp.DiscoverResult:
		versions, _ := json.Marshal(r.SupportedVersions) // strings always encode
		fmt.Fprintf(&out, `{"resultType":"complete","supportedVersions":%s,"capabilities":%s,"ttlMs":0,"cacheScope":"private"`+
			`,"_meta":{"io.modelcontextprotocol/serverInfo":%s}`, versions, g.capabilities, g.info)
	}
	if g.instructions != "" {
		fmt.Fprintf(&out, `,"instructions":%s`, quote(g.instructions))
	}
	out.WriteByte('}')
	return &rawResult{text: out.Bytes()}
}

// A rawResult is a result that is encoded already.
type rawResult struct {
	mcp.ResultBase
	text []byte
}

func (r *rawResult) MarshalJSON() ([]byte, error) { return r.text, nil }

// capabilities returns what the endpoint of all servers can do now: for each kind
// what some server has, and the lists that a server may have which is on its way.
// forTools is the member for tools.
func (c *catalog) capabilities(forTools string) []byte {
	var can abilities
	for _, o := range c.offers {
		can.prompts = can.prompts || o.has(prompts)
		can.resources = can.resources || o.has(resources)
		can.completions = can.completions || o.can.completions
		can.tasks = can.tasks || o.can.tasks
		can.tasksExtension = can.tasksExtension || o.can.tasksExtension
		can.ui = can.ui || o.can.ui
		can.subscribe = can.subscribe || o.can.subscribe
		can.logging = can.logging || o.can.logging
	}
	var parts, extensions []string
	add := func(to *[]string, ok bool, part string) {
		if ok {
			*to = append(*to, part)
		}
	}
	add(&extensions, can.tasksExtension, `"`+tasksExtension+`":{}`)
	add(&extensions, can.ui, `"`+uiExtension+`":{}`)
	add(&parts, can.completions, `"completions":{}`)
	add(&parts, len(extensions) > 0, `"extensions":{`+strings.Join(extensions, ",")+`}`)
	add(&parts, can.logging, `"logging":{}`)
	add(&parts, can.prompts, `"prompts":{"listChanged":true}`)
	add(&parts, can.resources && can.subscribe, `"resources":{"subscribe":true,"listChanged":true}`)
	add(&parts, can.resources && !can.subscribe, `"resources":{"listChanged":true}`)
	// Of tasks there is no list: each server numbers its own.
	add(&parts, can.tasks, `"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}`)
	add(&parts, true, forTools)
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// has reports whether a server has a list of a kind, or may have it.
func (o *offer) has(k kind) bool {
	if o.awaits || len(o.shown[k]) > 0 {
		return true
	}
	switch k {
	case prompts:
		return o.can.prompts
	case resources, templates:
		return o.can.resources
	}
	return true
}

// Instructions are read by a model in each of its conversations, so that one
// server's shall not drown the others'. In bytes.
const (
	maxInstructions    = 4 << 10 // of one server
	maxAllInstructions = 32 << 10
)

// instructions returns what servers say to models, each under its name.
func (c *catalog) instructions() string {
	var out strings.Builder
	left := 0
	for _, o := range c.offers {
		said := strings.TrimSpace(o.said.Instructions)
		if o.held == nil || said == "" {
			continue
		}
		if out.Len() == 0 {
			out.WriteString("Several servers stand behind this endpoint. A tool or prompt named SERVER__NAME is what that server calls NAME. In their own words:\n")
		}
		if len(said) > maxInstructions {
			said = strings.ToValidUTF8(said[:maxInstructions], "") + " … (shortened)"
		}
		if out.Len()+len(said) > maxAllInstructions {
			left++
			continue
		}
		fmt.Fprintf(&out, "\n# %s\n\n%s\n", o.server, said)
	}
	if left > 0 {
		fmt.Fprintf(&out, "\n(%d more servers have instructions, which are left out here.)\n", left)
	}
	return out.String()
}

// abilities are what a server's capabilities say that this package acts on.
type abilities struct {
	prompts, resources, subscribe, completions, logging bool
	tasks, tasksExtension, ui                           bool // tasks: as in revision 2025-11-25
}

// readAbilities reads a server's capabilities, a JSON object or nothing.
func readAbilities(capabilities string) (can abilities) {
	for m := range rawjson.Members([]byte(capabilities)) {
		if m.Value[0] != '{' {
			continue
		}
		switch string(m.Key) {
		case "prompts":
			can.prompts = true
		case "resources":
			can.resources = true
			for e := range rawjson.Members(m.Value) {
				can.subscribe = can.subscribe || string(e.Key) == "subscribe" && string(e.Value) == "true"
			}
		case "completions":
			can.completions = true
		case "logging":
			can.logging = true
		case "tasks":
			can.tasks = true
		case "extensions":
			for e := range rawjson.Members(m.Value) {
				can.tasksExtension = can.tasksExtension || string(e.Key) == tasksExtension
				can.ui = can.ui || string(e.Key) == uiExtension
			}
		}
	}
	return can
}

// Extensions that need nothing of a relay but to pass everything.
const (
	tasksExtension = "io.modelcontextprotocol/tasks"
	uiExtension    = "io.modelcontextprotocol/ui"
)
