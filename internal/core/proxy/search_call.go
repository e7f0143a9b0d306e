package proxy

import (
	"encoding/json"
	"fmt"

	"mcpproxy-tray/internal/core/rawjson"
	"mcpproxy-tray/internal/core/search"
)

// The tools of /mcp/search that call others.
const (
	callRead        = "call_tool_read"
	callWrite       = "call_tool_write"
	callDestructive = "call_tool_destructive"
)

// effects are what the tools of the servers may do that each of ours calls.
var effects = map[string]search.Effect{
	"": search.AnyEffect, callRead: search.Reads, callWrite: search.Writes, callDestructive: search.Destroys,
}

// callWith returns the tool to call a tool with that has these hints.
func callWith(h search.Hints) string {
	switch h.Effect() {
	case search.Reads:
		return callRead
	case search.Writes:
		return callWrite
	}
	return callDestructive
}

// contradiction says what speaks against calling a tool with one of ours, or "".
// What a tool does not say of itself is held against it by call_tool_read alone, as a
// client may let that one pass without asking a person.
func contradiction(h search.Hints, with string) string {
	switch {
	case with == callRead && (h.ReadOnly == search.No || h.Destructive == search.Yes):
		return "says that it does not only read"
	case with == callRead && h.ReadOnly != search.Yes:
		return "does not say that it only reads"
	case with == callWrite && h.Destructive == search.Yes:
		return "says that it is destructive"
	}
	return ""
}

// contradicted returns the error for calling a tool of that definition with one of ours.
func contradicted(name, def, with string) error {
	h := search.HintsOf(def)
	if why := contradiction(h, with); why != "" {
		return invalid(fmt.Sprintf("The tool %q %s, so %s does not call it. Call it with %s.", name, why, with, callWith(h)))
	}
	return nil
}

// call routes a call of one of the servers' tools.
func (f *finder) call(c *catalog, with string, params, args json.RawMessage) (route, error) {
	name, err := text(args, "name")
	if err != nil {
		return answered(nil, invalid(fmt.Sprintf(`%s needs the "name" of a tool that retrieve_tools returned.`, with)))
	}
	var inner json.RawMessage = []byte("{}")
	for m := range rawjson.Members(args) {
		switch key := string(m.Key); {
		case key == "arguments" && m.Value[0] == '{':
			inner = m.Value
		case key == "arguments" && string(m.Value) == "null":
		case key == "arguments":
			return answered(nil, invalid(`"arguments" has to be a JSON object, not text or a list.`))
		case key != "name":
			return answered(nil, invalid(fmt.Sprintf(`%s has no argument %q. What is for the tool itself belongs into the object "arguments".`, with, shorten(key))))
		}
	}
	id, def, err := c.callable(name)
	if err != nil {
		return answered(nil, err)
	}
	if err := contradicted(name, def, with); err != nil {
		return answered(nil, err)
	}
	return route{
		server: id.server,
		params: rewrite(params, map[string][]byte{"name": quote(id.tool), "arguments": inner}),
		admit: func() error {
			now := f.catalog()
			if err := admits(c, now, id, name); err != nil {
				return err
			}
			_, def, err := now.callable(name)
			if err != nil {
				return err
			}
			return contradicted(name, def, with) // it may say something else by now
		},
		finish: f.results.shorten,
	}, nil
}

// rewrite returns an object with the values of some members replaced.
func rewrite(obj []byte, values map[string][]byte) []byte {
	var out []byte
	from := 0
	for m := range rawjson.Members(obj) {
		if v, ok := values[string(m.Key)]; ok {
			out = append(append(out, obj[from:m.ValueStart]...), v...)
			from = m.End
		}
	}
	return append(out, obj[from:]...)
}
