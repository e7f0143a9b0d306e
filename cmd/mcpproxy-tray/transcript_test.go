//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/rawjson"
)

// A step is a request that a scripted client sends and what belongs to its answer.
type step struct {
	name   string
	method string
	params string // members; @ before a name becomes the prefix of names at /mcp
	meta   string // members of _meta
	wants  string // methods of notifications that come beside the answer
	only   string // "legacy" or "modern"
}

// script is what every client does, in this order. What it changes, it changes back.
var script = []step{
	{name: "tools", method: "tools/list"},
	{name: "odd", method: "tools/call", params: `"name":"@odd","arguments":{}`},
	{name: "mirror", method: "tools/call", params: `"zeta":{"b":1,"a":2},"arguments":{"z":12345678901234567890,"a":1.0,"s":"\u00e9 \u2028","n":-0},"name":"@mirror"`,
		meta: `"com.example/t":{"b":1,"a":9007199254740993},"traceparent":"00-1"`},
	{name: "fail", method: "tools/call", params: `"name":"@fail"`},
	{name: "refuse", method: "tools/call", params: `"name":"@refuse"`},
	{name: "no tool", method: "tools/call", params: `"name":"@none"`},
	{name: "progress", method: "tools/call", params: `"name":"@steps"`, meta: `"progressToken":"odd token"`},
	{name: "progress by number", method: "tools/call", params: `"name":"@steps"`, meta: `"progressToken":7`},
	{name: "level", method: "logging/setLevel", params: `"level":"info"`, only: "legacy"},
	{name: "log", method: "tools/call", params: `"name":"@talk"`, only: "legacy"},
	{name: "log", method: "tools/call", params: `"name":"@talk"`, meta: `"io.modelcontextprotocol/logLevel":"info"`, only: "modern"},
	{name: "no log", method: "tools/call", params: `"name":"@talk"`, only: "modern"},
	{name: "task", method: "tools/call", params: `"name":"@task","task":{"ttl":60000}`},
	{name: "elicit", method: "tools/call", params: `"name":"@elicit","arguments":{"a":1.0}`},
	{name: "sample", method: "tools/call", params: `"name":"@sample"`},
	{name: "roots", method: "tools/call", params: `"name":"@roots"`},
	{name: "prompts", method: "prompts/list"},
	{name: "prompt", method: "prompts/get", params: `"arguments":{"who":"\u00e9"},"name":"@greet","future":1.0`},
	{name: "no prompt", method: "prompts/get", params: `"name":"@none"`},
	{name: "resources", method: "resources/list"},
	{name: "templates", method: "resources/templates/list"},
	{name: "read", method: "resources/read", params: `"uri":"odd://a"`},
	{name: "read by template", method: "resources/read", params: `"uri":"odd://t/1"`},
	{name: "no resource", method: "resources/read", params: `"uri":"odd://none"`},
	{name: "complete prompt", method: "completion/complete", params: `"ref":{"type":"ref/prompt","name":"@greet"},"argument":{"name":"who","value":"o"},"context":{"future":1.0}`},
	{name: "complete template", method: "completion/complete", params: `"argument":{"value":"1","name":"id"},"ref":{"uri":"odd://t/{id}","type":"ref/resource"}`},
	{name: "subscribe", method: "resources/subscribe", params: `"uri":"odd://a"`, only: "legacy"},
	{name: "update", method: "tools/call", params: `"name":"@touch","arguments":{"uri":"odd://a"}`, wants: "notifications/resources/updated"},
	{name: "unsubscribe", method: "resources/unsubscribe", params: `"uri":"odd://a"`, only: "legacy"},
	{name: "lists change", method: "tools/call", params: `"name":"@change","arguments":{"what":["tools","prompts","resources"]}`, wants: allLists},
	{name: "tools and a late one", method: "tools/list"},
	{name: "prompts and a late one", method: "prompts/list"},
	{name: "resources and a late one", method: "resources/list"},
	{name: "lists change back", method: "tools/call", params: `"name":"@change","arguments":{"what":["tools","prompts","resources"]}`, wants: allLists},
	{name: "ping", method: "ping", only: "legacy"},
	{name: "vendor's method", method: "com.example/echo", params: `"z":{"b":1,"a":12345678901234567890}`},
	{name: "a task's state", method: "tasks/get", params: `"taskId":"t1"`},
	{name: "no method", method: "com.example/none"},
}

const allLists = "notifications/tools/list_changed notifications/prompts/list_changed notifications/resources/list_changed"

// What the client answers to what a server asks of it.
var replies = map[string]string{
	"elicitation/create":     `{"future":{"b":1,"a":2},"content":{"n":9007199254740993},"action":"accept"}`,
	"sampling/createMessage": `{"role":"assistant","content":{"type":"text","text":"odd","future":1.0},"model":"odd"}`,
	"roots/list":             `{"roots":[{"uri":"file:///odd","future":{"b":1,"a":2}}]}`,
	"ping":                   `{}`,
}

const capabilities = `{"sampling":{"future":{"b":1}},"elicitation":{"form":{}},"roots":{"listChanged":true}}`

// A scripted client keeps what it was told at each step.
type scripted struct {
	t      *testing.T
	edge   edge
	era    string
	prefix string // of names, at /mcp
	script []step // nil: script, the one for oddserver
	next   int
	heard  map[string][]string // by step
	names  []string            // of the steps, in their order
}

// A wireMessage is a message of the other side.
type wireMessage struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  json.RawMessage
}

func (c *scripted) modern() bool { return c.era >= modernSet }

// play does the whole script.
func (c *scripted) play() {
	c.greet()
	steps := c.script
	if steps == nil {
		steps = script
	}
	for _, s := range steps {
		if s.only == "" || (s.only == "modern") == c.modern() {
			c.do(s)
		}
	}
}

// greet begins a session.
func (c *scripted) greet() {
	c.heard = map[string][]string{}
	if c.modern() {
		c.do(step{name: "hello", method: "server/discover"})
		c.next++
		c.edge.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"subscriptions/listen","params":{"_meta":{%s},"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["odd://a"]}}}`,
			c.next, c.meta("")))
		c.wait("hello", "notifications/subscriptions/acknowledged", "")
	} else {
		c.do(step{name: "hello", method: "initialize", params: fmt.Sprintf(`"protocolVersion":%q,"capabilities":%s,"clientInfo":{"name":"scripted","version":"1","future":1.0}`, c.era, capabilities)})
		c.edge.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		c.edge.follow(c.t)
	}
}

func (c *scripted) meta(own string) string {
	if c.modern() {
		own = fmt.Sprintf(`"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":%s,"io.modelcontextprotocol/clientInfo":{"name":"scripted","version":"1"},%s`,
			c.era, capabilities, own)
	}
	return strings.TrimSuffix(own, ",")
}

// ask sends the request of a step and returns its id.
func (c *scripted) ask(s step, more string) string {
	params := strings.ReplaceAll(s.params, `"@`, `"`+c.prefix)
	if meta := c.meta(s.meta); meta != "" {
		params += fmt.Sprintf(`,"_meta":{%s}`, meta)
	}
	c.next++
	c.edge.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s}}`, c.next, s.method, strings.Trim(params+more, ",")))
	return fmt.Sprint(c.next)
}

// do sends a request, as often as it takes to have all pages and answer what is asked.
func (c *scripted) do(s step) {
	c.names = append(c.names, s.name)
	for more := ""; ; {
		m := c.wait(s.name, s.wants, c.ask(s, more))
		var r struct {
			NextCursor    string
			RequestState  json.RawMessage
			InputRequests map[string]struct{ Method string }
		}
		_ = json.Unmarshal(m.Result, &r) // an error has none of it
		switch {
		case r.NextCursor != "":
			more = fmt.Sprintf(`,"cursor":%q`, r.NextCursor)
		case len(r.InputRequests) > 0:
			var answers []string
			for key, asked := range r.InputRequests {
				answers = append(answers, fmt.Sprintf("%q:%s", key, replies[asked.Method]))
			}
			more = fmt.Sprintf(`,"inputResponses":{%s},"requestState":%s`, strings.Join(answers, ","), r.RequestState)
		default:
			if strings.HasSuffix(s.method, "/list") {
				c.heard[s.name] = onePage(c.heard[s.name])
			}
			if s.wants != "" { // it may come on a stream of its own
				slices.Sort(c.heard[s.name])
			}
			return
		}
	}
}

// wait keeps what comes until the answer to id is there, and each notification that is wanted.
func (c *scripted) wait(name, wants, id string) (answer wireMessage) {
	answered, missing, deadline := id == "", strings.Fields(wants), time.After(patience)
	for !answered || len(missing) > 0 {
		select {
		case text := <-c.edge.in():
			var m wireMessage
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				c.t.Errorf("%s: %v in %s", name, err, text)
				return answer
			}
			wanted := slices.Index(missing, m.Method)
			switch {
			case m.Method == "" && string(m.ID) == id:
				answer, answered = m, true
				deadline = time.After(lateness) // the notifications should be at hand
			case m.Method != "" && m.ID != nil:
				c.edge.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, replies[m.Method]))
			case wanted >= 0:
				missing = slices.Delete(missing, wanted, wanted+1)
			}
			if wanted >= 0 || !c.besides(m.Method) {
				c.note(name, m)
			}
		case <-deadline:
			if !answered {
				c.heard[name] = append(c.heard[name], "no answer")
			}
			return answer
		}
	}
	return answer
}

// lateness is how long after the answer a notification may come.
const lateness = 2 * time.Second

// besides reports whether a message may come at any time, so that it belongs to a step
// only where the step wants it.
func (c *scripted) besides(method string) bool {
	if c.script != nil && (method == "roots/list" || method == "notifications/message") {
		return true // server-everything asks and tells when it pleases
	}
	return method == "ping" || strings.HasSuffix(method, "/list_changed") || method == "notifications/resources/updated"
}

// playCancelled has a call cancelled that would not end by itself.
func (c *scripted) playCancelled() {
	c.greet()
	c.names, c.heard = nil, map[string][]string{}
	c.names = append(c.names, "cancel")
	before := c.waiting()
	id := c.ask(step{method: "tools/call", params: `"name":"@wait"`}, "")
	c.until(func(now [2]int) bool { return now[0] > before[0] })
	c.edge.cancel(id)
	if c.until(func(now [2]int) bool { return now[1] > before[1] }) {
		c.heard["cancel"] = []string{"cancelled"}
	}
}

func (c *scripted) until(cond func([2]int) bool) bool {
	for deadline := time.Now().Add(lateness); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if cond(c.waiting()) {
			return true
		}
	}
	return false
}

// waiting asks the server how many calls wait and how many were cancelled.
func (c *scripted) waiting() (n [2]int) {
	m := c.wait("", "", c.ask(step{method: "tools/call", params: `"name":"@waiting"`}, ""))
	var r struct{ Content []struct{ Text string } }
	if json.Unmarshal(m.Result, &r) == nil && len(r.Content) > 0 {
		_, _ = fmt.Sscanf(r.Content[0].Text, "%d waiting, %d cancelled", &n[0], &n[1])
	}
	return n
}

// note keeps a message as it is to be compared.
func (c *scripted) note(name string, m wireMessage) {
	if name == "" {
		return
	}
	var text string
	switch {
	case m.Method != "":
		text = m.Method + " " + c.plain(m.Params)
	case m.Error != nil:
		text = "error " + sortedMembers(c.plain(m.Error))
	default:
		text = "result " + c.plain(m.Result)
		if name == "hello" { // put together of what the library and we know
			text = "result " + sortedMembers(c.plain(m.Result))
		}
	}
	if c.prefix != "" {
		text = strings.ReplaceAll(text, `"name":"`+c.prefix, `"name":"`)
	}
	c.heard[name] = append(c.heard[name], text)
}

// plain leaves out of a result, an error or params what may differ on each hop.
func (c *scripted) plain(text json.RawMessage) string {
	var kept []string
	if !bytes.HasPrefix(text, []byte("{")) {
		return string(text)
	}
	for m := range rawjson.Members(text) {
		key, value := string(m.Key), compact(m.Value)
		switch {
		case key == "_meta":
			value = c.ownMeta(m.Value)
			if value == "{}" {
				continue
			}
		case key == "serverInfo" && c.prefix != "":
			continue // at /mcp we speak for ourselves
		case key == "supportedVersions", key == "nextCursor":
			continue // both edges have their own; pages are compared as one
		case key == "cacheScope", key == "ttlMs" && !isTask(text):
			continue // whoever keeps a list says for how long
		case key == "instructions":
			value = decoded(m.Value)
		case key == "requestState":
			value = `"opaque"`
		}
		kept = append(kept, fmt.Sprintf("%q:%s", key, value))
	}
	return "{" + strings.Join(kept, ",") + "}"
}

func (c *scripted) ownMeta(text json.RawMessage) string {
	var kept []string
	for m := range rawjson.Members(text) {
		if key := string(m.Key); !strings.HasPrefix(key, "io.modelcontextprotocol/") {
			kept = append(kept, fmt.Sprintf("%q:%s", key, compact(m.Value)))
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// isTask reports whether a result is a task, whose ttlMs is its own.
func isTask(result json.RawMessage) bool { return bytes.Contains(result, []byte(`"taskId"`)) }

// decoded returns a string as its value; instructions are the one that we may put together.
func decoded(text json.RawMessage) string {
	var s string
	if json.Unmarshal(text, &s) != nil {
		return string(text)
	}
	return fmt.Sprintf("%q", s)
}

// sortedMembers orders the outermost members of an object.
func sortedMembers(text string) string {
	var kept []string
	for m := range rawjson.Members([]byte(text)) {
		kept = append(kept, string(m.Whole))
	}
	slices.Sort(kept)
	return "{" + strings.Join(kept, ",") + "}"
}

func compact(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}

// onePage makes one result of all pages of a list.
func onePage(pages []string) []string {
	var others, items []string
	name := ""
	for i, page := range pages {
		text, ok := strings.CutPrefix(page, "result ")
		if !ok {
			return pages
		}
		for m := range rawjson.Members([]byte(text)) {
			if bytes.HasPrefix(m.Value, []byte("[")) {
				name = string(m.Key)
				items = append(items, strings.Trim(string(m.Value), "[]"))
			} else if i == 0 {
				others = append(others, string(m.Whole))
			}
		}
	}
	return []string{fmt.Sprintf("result {%s}", strings.Join(append(others, fmt.Sprintf("%q:[%s]", name, strings.Join(items, ","))), ","))}
}

// betweenEras leaves out of a message what revisions word differently.
func betweenEras(message string) string {
	kind, text, _ := strings.Cut(message, " ")
	if !strings.HasPrefix(text, "{") {
		return message
	}
	var kept []string
	for m := range rawjson.Members([]byte(text)) {
		switch key, value := string(m.Key), string(m.Value); {
		case key == "resultType" && value == `"complete"`:
		case key == "future" && strings.Contains(text, `"inputRequests":`):
			// what is beside requests that are made one by one has no place
		case key == "inputRequests":
			kept = append(kept, "inputRequests:"+inputRequests(m.Value))
		default:
			kept = append(kept, string(m.Whole))
		}
	}
	slices.Sort(kept) // who converts a message writes its outermost members
	return kind + " {" + strings.Join(kept, ",") + "}"
}

// inputRequests leaves out the names of the requests.
func inputRequests(text json.RawMessage) string {
	var all []string
	for m := range rawjson.Members(text) {
		var one []string
		for part := range rawjson.Members(m.Value) {
			one = append(one, string(part.Whole))
		}
		slices.Sort(one)
		all = append(all, strings.Join(one, ","))
	}
	slices.Sort(all)
	return strings.Join(all, ";")
}
