package config

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// An edit is one change of the file's content. It returns an *Error, and the
// content stays as it is, when it does not apply.
type edit func(d *document, before *Config) ([]byte, *Error)

// apply edits content and makes sure that the result says what was meant and
// nothing else changed. A broken file is never edited.
func (e edit) apply(path string, content []byte, server string) ([]byte, *Error) {
	before, err := parse(path, content)
	if err != nil {
		err.Hint = "Mend the file first; nothing was changed. " + err.Hint
		return nil, err
	}
	d, err := parseDocument(path, content)
	if err != nil {
		return nil, err
	}
	out, err := e(d, before)
	if err != nil {
		err.Path = path
		return nil, err
	}
	after, err := parse(path, out)
	if err != nil || !before.sameBut(after, server) {
		return nil, &Error{Path: path, Server: server, cause: ErrInvalid,
			Text: "This change cannot be made automatically without touching something else.", Hint: "Make it in an editor; nothing was changed."}
	}
	return out, nil
}

// sameBut reports whether both differ in no other server than the named one.
func (c *Config) sameBut(o *Config, server string) bool {
	others := func(c *Config) *Config {
		rest := *c
		rest.Servers = nil
		for _, s := range c.Servers {
			if s.Name != server {
				if s.Err != nil { // its line may move
					s.Err = &Error{Text: s.Err.Text}
				}
				rest.Servers = append(rest.Servers, s)
			}
		}
		return &rest
	}
	return others(c).Equal(others(o)) && len(c.Refused) == len(o.Refused)
}

func unknownServer(name string) *Error {
	return &Error{Server: shownName(name), Text: "There is no server named " + quoted(name) + " in the configuration.",
		Hint: "See the names with: mcpproxy-tray servers list", cause: ErrUnknownServer}
}

// switchTo sets "enabled" or "disabled", whichever is there; neither means on.
func switchTo(name string, on bool) edit {
	return func(d *document, before *Config) ([]byte, *Error) {
		if _, ok := before.Server(name); !ok {
			return nil, unknownServer(name)
		}
		list, _, v := d.entryOf(name)
		obj, ok := v.Value.(*hujson.Object)
		if !ok {
			return nil, d.errorAt(v.StartOffset, name, "The entry is not an object, so it cannot be switched.", "Mend the entry first.")
		}
		var edits []jsonc.Splice
		for _, key := range []string{"enabled", "disabled"} {
			m, twice := jsonc.Member(obj, key)
			if m == nil {
				continue
			}
			if k := m.Value.Value.Kind(); twice || (k != 't' && k != 'f') {
				return nil, d.errorAt(m.Value.StartOffset, name, quoted(key)+" is not one true or false, so it cannot be switched.", "Mend the entry first.")
			}
			edits = append(edits, jsonc.Splice{From: m.Value.StartOffset, To: m.Value.EndOffset, With: strconv.FormatBool(on == (key == "enabled"))})
		}
		if edits == nil && !on {
			word := `"disabled": true`
			if list.Value.Kind() == '[' {
				word = `"enabled": false` // what the list form's own program writes
			}
			edits = d.InsertFirst(v, word)
		}
		return d.Spliced(edits...), nil
	}
}

// without takes out a server's entry.
func without(name string) edit {
	return func(d *document, before *Config) ([]byte, *Error) {
		if _, ok := before.Server(name); !ok {
			return nil, unknownServer(name)
		}
		same := 0
		for _, n := range d.names() {
			if fold(n) == fold(name) {
				same++
			}
		}
		if same > 1 {
			return nil, &Error{Server: name, Text: "More than one entry is named " + quoted(name) + ", so it is not clear which one to remove.",
				Hint: "Remove it in an editor.", cause: ErrInvalid}
		}
		list, i, _ := d.entryOf(name)
		return d.Spliced(d.Remove(list, i)...), nil
	}
}

// with adds a server at the end.
func with(name string, raw json.RawMessage) edit {
	return func(d *document, _ *Config) ([]byte, *Error) {
		for _, n := range d.names() {
			if fold(n) == fold(name) {
				return nil, &Error{Server: name, Text: "There is a server named " + quoted(n) + " already.",
					Hint: "Choose another name, or remove that one first.", cause: ErrExists}
			}
		}
		key := string(hujson.String(name)) + ": "
		list := d.serverList()
		if list == nil {
			return d.Spliced(d.AppendTo(&d.Root, func(indent string) string {
				deep := indent + d.Unit()
				return `"mcpServers": {` + d.EOL() + deep + key + d.InLines(raw, deep) + d.EOL() + indent + "}"
			})...), nil
		}
		if list.Value.Kind() == '[' {
			key, raw = "", namedEntry(name, raw)
		}
		return d.Spliced(d.AppendValue(list, key, raw)...), nil
	}
}

// Added returns what Add of a server would make of a file's content. Its errors are those
// of Add; path is for their words.
func Added(path string, content []byte, name string, entry json.RawMessage) ([]byte, error) {
	out, err := with(name, bytes.Clone(entry)).apply(path, content, name)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Removed returns what Remove of a server would make of a file's content.
func Removed(path string, content []byte, name string) ([]byte, error) {
	out, err := without(name).apply(path, content, name)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkNew says what is wrong with a server that is to be added.
func checkNew(name string, raw json.RawMessage) *Error {
	fail := func(text, hint string) *Error {
		return &Error{Server: shownName(name), Text: text, Hint: hint, cause: ErrInvalid}
	}
	if !json.Valid(raw) || bytes.TrimSpace(raw)[0] != '{' {
		return fail("The new entry is not a JSON object.", `Write it like {"command": "npx", "args": ["-y", "name"]}.`)
	}
	if why := nameProblem(name); why != "" {
		return fail("The server name "+quoted(name)+" "+why+".", "Choose another name.")
	}
	file := append([]byte(`{"mcpServers":{`+string(hujson.String(name))+":"), raw...)
	cfg, err := parse("", append(file, "}}"...))
	if err == nil && len(cfg.Servers) == 1 {
		err = cfg.Servers[0].Err
	}
	if err != nil {
		return fail(err.Text, err.Hint)
	}
	var own struct{ Name *string }
	if json.Unmarshal(raw, &own) == nil && own.Name != nil && *own.Name != name {
		return fail(`The "name" in the new entry is not `+quoted(name)+".", `Leave "name" out of the entry.`)
	}
	return nil
}

// namedEntry puts the name into an entry, as the list form needs it.
func namedEntry(name string, raw json.RawMessage) json.RawMessage {
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) == nil && keys["name"] != nil {
		return raw
	}
	rest := bytes.TrimSpace(bytes.TrimSpace(raw)[1:])
	head := `{"name":` + string(hujson.String(name))
	if rest[0] != '}' {
		head += ","
	}
	return append([]byte(head), rest...)
}
