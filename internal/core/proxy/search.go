package proxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/core/search"
)

// searchPath is the endpoint that has all servers' tools behind a few of its own. Else
// it is the common one, so that what a result refers to can be read.
const searchPath = "/mcp/search"

// searchTools are the tools of /mcp/search, as tools/list has them. What they call
// may do anything, which their hints say: call_tool_read calls only what says of
// itself that it reads.
var searchTools = bytes.ReplaceAll([]byte(`[
{"name":"retrieve_tools","title":"Find tools","description":"Finds tools of all connected servers by what they do. Call this first: the tools it returns are called with the one of call_tool_read, call_tool_write and call_tool_destructive that their \"call_with\" names.",
"inputSchema":{"type":"object","properties":{
"query":{"type":"string","description":"What the tool should do, in a few words, e.g. \"create github issue\""},
"limit":{"type":"integer","minimum":1,"maximum":50,"default":8,"description":"How many tools to return at most"},
"server":{"type":"string","description":"Only tools of this server"},
"call_with":{"type":"string","enum":["call_tool_read","call_tool_write","call_tool_destructive"],"description":"Only tools that are called with this"}},"required":["query"]},
"annotations":{"readOnlyHint":true,"openWorldHint":false}},
{"name":"describe_tool","title":"Describe a tool","description":"Returns the whole definition of a tool that retrieve_tools found: its description and the schema of its arguments.",
"inputSchema":{"type":"object","properties":{"name":{"type":"string","description":"The tool's name as retrieve_tools returned it"}},"required":["name"]},
"annotations":{"readOnlyHint":true,"openWorldHint":false}},
{"name":"call_tool_read","title":"Call a tool that reads","description":"Calls a tool that only reads. It refuses tools that do not say so of themselves.",
"inputSchema":`+callSchema+`,"annotations":{"readOnlyHint":true,"openWorldHint":true}},
{"name":"call_tool_write","title":"Call a tool that writes","description":"Calls a tool that may change something. It refuses tools that say of themselves that they destroy.",
"inputSchema":`+callSchema+`,"annotations":{"readOnlyHint":false,"openWorldHint":true}},
{"name":"call_tool_destructive","title":"Call a tool that destroys","description":"Calls any tool, also one that deletes or overwrites.",
"inputSchema":`+callSchema+`,"annotations":{"readOnlyHint":false,"destructiveHint":true,"openWorldHint":true}},
{"name":"read_cache","title":"Read a long result","description":"Reads on in a result that was too long to return at once.",
"inputSchema":{"type":"object","properties":{
"key":{"type":"string","description":"The key that the shortened result named"},
"offset":{"type":"integer","minimum":0,"default":0,"description":"Where to begin, in bytes"},
"limit":{"type":"integer","minimum":1,"maximum":262144,"default":32768,"description":"How many bytes to return at most"},
"raw":{"type":"boolean","default":false,"description":"Read the whole result as JSON instead of its text"}},"required":["key"]},
"annotations":{"readOnlyHint":true,"openWorldHint":false}}
]`), []byte("\n"), nil)

const callSchema = `{"type":"object","properties":{
"name":{"type":"string","description":"The tool's name as retrieve_tools returned it"},
"arguments":{"type":"object","description":"The tool's own arguments, as its schema asks for"}},"required":["name"]}`

const searchInstructions = "The tools of several servers are behind this endpoint. Find one with retrieve_tools, read its schema with describe_tool where the signature does not tell enough, " +
	"and call it with the tool that its \"call_with\" names. A long result is shortened; read_cache has all of it."

// A finder answers for the tools of /mcp/search.
type finder struct {
	indexer
	results resultCache
}

func newFinder(catalog func() *catalog) *finder {
	return &finder{indexer: indexer{catalog: catalog, wanted: make(chan struct{}, 1), ready: make(chan struct{})}}
}

// greeting is what /mcp/search says of itself.
func (f *finder) greeting(self []byte, c *catalog) greeting {
	f.want() // who says hello will search soon
	return greeting{self, c.capabilities(`"tools":{}`), searchInstructions + " " + c.serversWithTools()}
}

// route says where a call at /mcp/search goes. Most end here. What is wrong with one is
// a result, because that is what a model gets to see.
func (f *finder) route(c *catalog, m *message) (route, error) {
	name, err := text(m.params, "name")
	if err != nil {
		return route{}, err
	}
	var args json.RawMessage = []byte("{}")
	for e := range rawjson.Members(m.params) {
		if string(e.Key) == "arguments" && e.Value[0] == '{' {
			args = e.Value
		}
	}
	switch name {
	case "retrieve_tools":
		return answered(f.retrieve(c, args))
	case "describe_tool":
		return answered(f.describe(c, args))
	case "read_cache":
		return answered(f.results.read(args))
	case callRead, callWrite, callDestructive:
		return f.call(c, name, m.params, args)
	}
	return route{}, invalid(fmt.Sprintf("There is no tool %q. retrieve_tools finds those that call_tool_read, call_tool_write and call_tool_destructive call.", shorten(name)))
}

// answered is the route of a call that has its answer.
func answered(result []byte, err error) (route, error) {
	if err != nil {
		result = textResult(true, err.Error())
	}
	return route{answer: result, refused: err}, nil
}

// textResult returns the result of a tool that says something.
func textResult(failed bool, texts ...string) []byte {
	out := []byte(`{"content":[`)
	for i, t := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"type":"text","text":`...), quote(t)...), '}')
	}
	out = append(out, ']')
	if failed {
		out = append(out, `,"isError":true`...)
	}
	return append(out, '}')
}

// A FoundTool is a tool as retrieve_tools returns it.
type FoundTool struct {
	Name        string  `json:"name"` // at the common endpoint
	Server      string  `json:"server"`
	Own         string  `json:"-"` // as its server spells it
	CallWith    string  `json:"call_with"`
	Score       float64 `json:"score"`
	Signature   string  `json:"signature"`
	Description string  `json:"description,omitempty"`
}

// A query is what retrieve_tools is asked.
type query struct {
	Query    string `json:"query"`
	Limit    *int   `json:"limit"`
	Server   string `json:"server"`
	CallWith string `json:"call_with"`
}

// maxFound is how many tools retrieve_tools returns at most.
const maxFound = 50

func (f *finder) retrieve(c *catalog, args json.RawMessage) ([]byte, error) {
	var q query
	err := json.Unmarshal(args, &q)
	effect, ok := effects[q.CallWith]
	if err != nil || !ok || strings.TrimSpace(q.Query) == "" {
		return nil, invalid(`retrieve_tools needs a "query": a few words that say what the tool should do. "limit" is a number, "server" the name of a server, "call_with" the name of one of the tools that call others.`)
	}
	limit := 8
	if q.Limit != nil {
		limit = min(max(*q.Limit, 1), maxFound)
	}
	found := f.find(c, search.Query{Text: q.Query, Limit: limit, Server: q.Server, Effect: effect})
	if len(found) == 0 {
		return textResult(false, "No tool matches. Try other words, or fewer. "+c.serversWithTools()), nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(struct { // strings and numbers always encode
		Tools []FoundTool `json:"tools"`
	}{found})
	return textResult(false, strings.TrimSuffix(out.String(), "\n")), nil
}

// Search returns the tools that clients may call now and that fit a query best, best
// first, at most 50. It may wait for the index to be made.
func (e *Endpoint) Search(q search.Query) []FoundTool {
	q.Limit = min(q.Limit, maxFound)
	return e.finder.find(e.catalog(), q)
}

func (f *finder) find(c *catalog, q search.Query) []FoundTool {
	found := []FoundTool{}
	x := f.current(c.lists[tools].version)
	if x == nil {
		return found
	}
	limit := q.Limit
	q.Limit = 2 * limit // some can be called no more
	for _, r := range x.Find(nil, q) {
		_, def, err := c.callable(r.Name)
		if err != nil || len(found) == limit {
			continue // err: it could be called when the index was made
		}
		found = append(found, FoundTool{
			Name: r.Name, Server: r.Server, Own: r.Own, CallWith: callWith(r.Hints), Score: math.Round(float64(r.Score)*1000) / 1000,
			Signature: search.Tool{Name: r.Name, Definition: def}.Signature(), Description: summary(def),
		})
	}
	return found
}

// maxSummary is how much of a description retrieve_tools returns, in bytes.
const maxSummary = 300

// summary returns the beginning of a tool's description.
func summary(definition string) string {
	for m := range rawjson.Members([]byte(definition)) {
		if string(m.Key) == "description" {
			d := strings.Join(strings.Fields(unquoteString(m.Value)), " ")
			if len(d) > maxSummary {
				d = fmt.Sprintf("%s…", strings.ToValidUTF8(d[:maxSummary], ""))
			}
			return d
		}
	}
	return ""
}

// serversWithTools names the servers that can be searched.
func (c *catalog) serversWithTools() string {
	var names []string
	for _, o := range c.offers {
		if len(o.shown[tools]) > 0 {
			names = append(names, o.server)
		}
	}
	if len(names) == 0 {
		return "No server with tools is connected now."
	}
	const most = 50
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", more))
	}
	return "The servers that have tools are: " + strings.Join(names, ", ") + "."
}

func (f *finder) describe(c *catalog, args json.RawMessage) ([]byte, error) {
	name, err := text(args, "name")
	if err != nil {
		return nil, invalid(`describe_tool needs the "name" of a tool that retrieve_tools returned.`)
	}
	id, def, err := c.callable(name)
	if err != nil {
		return nil, err
	}
	whole := appendRenamed(nil, []byte(def), name)
	// The longest definitions have schemas of hundreds of kilobytes.
	return f.results.shorten(textResult(false, fmt.Sprintf("A tool of the server %q; call it with %s.", id.server, callWith(search.HintsOf(def))), string(rawjson.OneLine(whole)))), nil
}

// callable returns a tool that clients may call now, by its name at the endpoint.
func (c *catalog) callable(name string) (id toolID, definition string, err error) {
	id, ok := c.index[tools].owner[name]
	if !ok {
		return toolID{}, "", unknown(c, tools, name)
	}
	if err := refusal(c, id, name); err != nil {
		return toolID{}, "", err
	}
	definition, ok = c.offer(id.server).definition(id.tool)
	if !ok {
		return toolID{}, "", unknown(c, tools, name)
	}
	return id, definition, nil
}
