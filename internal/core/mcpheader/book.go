package mcpheader

import (
	"encoding/json"
	"net/http"
	"sync"

	"mcpproxy-tray/internal/core/rawjson"
)

// A Book is what a client has learned of tools that want arguments repeated. The zero
// value is empty.
type Book struct {
	mu    sync.Mutex // guards tools
	tools map[string][]Param
}

// Note learns a tool's definition, in place of an earlier one of that tool.
func (b *Book) Note(name, definition string) {
	params := Params(definition)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case params == nil:
		delete(b.tools, name)
	case b.tools == nil:
		b.tools = map[string][]Param{name: params}
	default:
		b.tools[name] = params
	}
}

// NoteList learns the tools of the result of tools/list.
func (b *Book) NoteList(result json.RawMessage) {
	_ = rawjson.EachElement(value(result, "tools"), func(tool json.RawMessage) { // no list: nothing to learn
		if name := str(value(tool, "name")); name != "" {
			b.Note(name, string(tool))
		}
	})
}

// Set adds the headers of a call of a tool, whose params these are. What the call does
// not have, and what cannot be repeated, is left out.
func (b *Book) Set(h http.Header, params json.RawMessage) {
	b.mu.Lock()
	wanted := len(b.tools) > 0
	b.mu.Unlock()
	if !wanted {
		return
	}
	name := str(value(params, "name"))
	b.mu.Lock()
	tool := b.tools[name]
	b.mu.Unlock()
	for _, p := range tool {
		if arg := p.Argument(params); arg != nil {
			if v, ok := text(arg); ok {
				h.Set(p.Header, Encode(v))
			}
		}
	}
}
