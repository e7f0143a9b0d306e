package config

import (
	"bytes"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// A document is the JSON of a configuration file, with the places of its servers.
type document struct {
	*jsonc.Document
	path string
}

// parseDocument reads the text. Its errors are whole-file errors.
func parseDocument(path string, data []byte) (*document, *Error) {
	text := bytes.TrimPrefix(data, []byte(jsonc.BOM))
	switch {
	case len(text) > maxBytes:
		return nil, tooLarge(path)
	case len(bytes.TrimLeft(text, " \t\r\n")) == 0:
		return nil, &Error{Path: path, Text: "The file is empty.", cause: ErrInvalid,
			Hint: `It may still be being written. A configuration without servers is {"mcpServers": {}}.`}
	}
	d, err := jsonc.Parse(data)
	if err != nil {
		return nil, &Error{Path: path, Line: err.Line, Column: err.Column, Text: err.Text, Hint: err.Hint, cause: ErrInvalid}
	}
	return &document{d, path}, nil
}

func (d *document) errorAt(offset int, server, text, hint string) *Error {
	e := &Error{Path: d.path, Server: server, Text: text, Hint: hint, cause: ErrInvalid}
	e.Line, e.Column = d.Place(offset)
	return e
}

// entryOf finds a server that is in force: the block it is in, its place there and its value.
func (d *document) entryOf(name string) (list *hujson.Value, i int, v *hujson.Value) {
	list = d.serverList()
	if list == nil {
		return nil, 0, nil
	}
	switch value := list.Value.(type) {
	case *hujson.Object:
		for i := range value.Members {
			if jsonc.Key(&value.Members[i]) == name {
				return list, i, &value.Members[i].Value
			}
		}
	case *hujson.Array:
		for i := range value.Elements {
			if nameIn(&value.Elements[i]) == name {
				return list, i, &value.Elements[i]
			}
		}
	}
	return nil, 0, nil
}

// serverList is the value of "mcpServers", or nil.
func (d *document) serverList() *hujson.Value {
	if m, _ := jsonc.Member(d.Root.Value.(*hujson.Object), "mcpServers"); m != nil {
		return &m.Value
	}
	return nil
}

// nameIn is the name an element of the list form gives itself, "" if none.
func nameIn(e *hujson.Value) string {
	if obj, ok := e.Value.(*hujson.Object); ok {
		if m, twice := jsonc.Member(obj, "name"); m != nil && !twice && m.Value.Value.Kind() == '"' {
			return m.Value.Value.(hujson.Literal).String()
		}
	}
	return ""
}

// names lists every name in the file, refused ones included.
func (d *document) names() []string {
	var out []string
	if list := d.serverList(); list != nil {
		switch value := list.Value.(type) {
		case *hujson.Object:
			for i := range value.Members {
				out = append(out, jsonc.Key(&value.Members[i]))
			}
		case *hujson.Array:
			for i := range value.Elements {
				out = append(out, nameIn(&value.Elements[i]))
			}
		}
	}
	return out
}
