package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
	"golang.org/x/text/unicode/norm"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// servers reads "mcpServers" in both forms: an object with the names as keys,
// and a list of objects that have a "name".
func (p *parser) servers(v *hujson.Value) *Error {
	taken := map[string]string{} // folded name to the name that has it
	switch value := v.Value.(type) {
	case *hujson.Object:
		for i := range value.Members {
			m := &value.Members[i]
			p.server(jsonc.Key(m), &m.Name, &m.Value, taken)
		}
	case *hujson.Array:
		for i := range value.Elements {
			e := &value.Elements[i]
			if name, at, ok := p.nameOf(e, i); ok {
				p.server(name, at, e, taken)
			}
		}
	default:
		return p.wrong(v, "mcpServers", "an object or a list", `Write "mcpServers": { "name": { … } }.`)
	}
	return nil
}

// nameOf finds the name in an element of the list form, or refuses it.
func (p *parser) nameOf(e *hujson.Value, i int) (name string, at *hujson.Value, ok bool) {
	const hint = `Write {"name": "…", "command": "…"}.`
	obj, isObject := e.Value.(*hujson.Object)
	if !isObject {
		p.refuse(e, "", fmt.Sprintf(`Entry %d of "mcpServers" must be an object, not %s.`, i+1, kindName(e)), hint)
		return "", nil, false
	}
	m, twice := jsonc.Member(obj, "name")
	if m == nil || twice {
		p.refuse(e, "", fmt.Sprintf(`Entry %d of "mcpServers" needs one "name".`, i+1), hint)
		return "", nil, false
	}
	name, err := p.text(&m.Value, "name")
	if err != nil {
		p.cfg.Refused = append(p.cfg.Refused, err)
		return "", nil, false
	}
	return name, &m.Value, true
}

func (p *parser) refuse(v *hujson.Value, server, text, hint string) {
	p.cfg.Refused = append(p.cfg.Refused, p.doc.errorAt(v.StartOffset, server, text, hint))
}

// server adds one entry to Servers, or to Refused because of its name.
func (p *parser) server(name string, at, v *hujson.Value, taken map[string]string) {
	if why := nameProblem(name); why != "" {
		p.refuse(at, shownName(name), "The server name "+quoted(name)+" "+why+".",
			"Give it another name: letters, digits, spaces and signs that can be seen.")
		return
	}
	key := fold(name)
	if first, ok := taken[key]; ok {
		text := "There are two servers named " + quoted(name) + "; only the first one counts."
		if norm.NFC.String(first) == norm.NFC.String(name) && first != name {
			text = "Two servers are named " + quoted(name) + ", in letters that are composed differently; only the first one counts."
		} else if first != name {
			text = "The server names " + quoted(name) + " and " + quoted(first) + " differ only in upper and lower case; only the first one counts."
		}
		p.refuse(at, name, text, "Give one of them another name.")
		return
	}
	taken[key] = name
	p.cfg.Servers = append(p.cfg.Servers, p.entry(name, v))
}

// An entry collects what the keys of one server say.
type entry struct {
	reader
	srv  Server
	err  *Error // the first problem
	hint string // resolved transport hint
	cwd  string // the key the directory came from

	enabled, disabled *bool // what the keys say, if they are there
}

// entry reads one server. With any problem only its name, whether it is
// switched off, and the problem remain, so that nobody can run half of it.
func (p *parser) entry(name string, v *hujson.Value) Server {
	e := &entry{reader: reader{p.doc, name}, srv: Server{Name: name}}
	obj, err := e.object(v, name)
	if err != nil {
		return Server{Name: name, Err: err}
	}
	seen := make(map[string]bool, len(obj.Members))
	for i := range obj.Members {
		m := &obj.Members[i]
		key := jsonc.Key(m)
		known, err := e.key(key, &m.Value)
		switch {
		case !known:
			p.unknown(&m.Name, name, key, serverKeys)
		case seen[key]:
			e.note(e.fail(&m.Name, quoted(key)+" appears twice.", "Remove one of them."))
		}
		e.note(err)
		seen[key] = true
	}
	e.finish(v)
	if e.err != nil {
		return Server{Name: name, Disabled: e.srv.Disabled, Err: e.err}
	}
	return e.srv
}

func (e *entry) note(err *Error) {
	if e.err == nil {
		e.err = err
	}
}

// serverKeys are the keys of a server that have an effect; see entry.key.
var serverKeys = []string{"command", "args", "env", "cwd", "working_dir", "url", "headers",
	"type", "transport", "protocol", "revision", "enabled", "disabled", "name"}

func (e *entry) key(key string, v *hujson.Value) (known bool, err *Error) {
	s := &e.srv
	switch key {
	case "command":
		s.Command, err = e.text(v, key)
	case "args":
		s.Args, err = e.texts(v, key)
	case "env":
		if s.Env, err = e.table(v, key); err == nil {
			err = e.envNames(v)
		}
	case "cwd", "working_dir":
		err = e.directory(key, v)
	case "url":
		s.URL, err = e.text(v, key)
	case "headers":
		if s.Headers, err = e.table(v, key); err == nil {
			err = e.headerNames(v)
		}
	case "type", "transport", "protocol":
		err = e.transport(key, v)
	case "revision":
		err = e.revision(v)
	case "enabled":
		e.enabled, err = e.flag(key, v)
	case "disabled":
		e.disabled, err = e.flag(key, v)
	case "name", "quarantined", "created", "updated": // the list form's; of no meaning in an entry
	default:
		return false, nil
	}
	return true, err
}

func (e *entry) flag(key string, v *hujson.Value) (*bool, *Error) {
	on, err := e.boolean(v, key)
	if err != nil {
		return nil, err
	}
	return &on, nil
}

func (e *entry) directory(key string, v *hujson.Value) *Error {
	dir, err := e.text(v, key)
	if err == nil && e.cwd != "" && e.cwd != key && dir != e.srv.Cwd {
		return e.fail(v, `"cwd" and "working_dir" say different things.`, "Remove one of them.")
	}
	e.srv.Cwd, e.cwd = dir, key
	return err
}

func (e *entry) transport(key string, v *hujson.Value) *Error {
	word, err := e.text(v, key)
	if err != nil {
		return err
	}
	resolved := ""
	switch word {
	case "stdio", "sse", "http":
		resolved = word
	case "streamable-http", "streamableHttp", "streamable_http":
		resolved = "http"
	case "", "auto":
		return nil
	default:
		return e.fail(v, quoted(key)+" cannot be "+quoted(word)+".", `Write "stdio", "http" or "sse", or leave it out.`)
	}
	if e.hint != "" && e.hint != resolved {
		return e.fail(v, "The entry asks for two transports, "+quoted(e.hint)+" and "+quoted(word)+".", "Remove one of them.")
	}
	e.hint = resolved
	return nil
}

// revisions are those of MCP, newest first.
var revisions = []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

func (e *entry) revision(v *hujson.Value) *Error {
	word, err := e.text(v, "revision")
	if err != nil {
		return err
	}
	if word != "" && !slices.Contains(revisions, word) {
		return e.fail(v, `"revision" cannot be `+quoted(word)+".", "These are: "+strings.Join(revisions, ", ")+".")
	}
	e.srv.Revision = word
	return nil
}

func (e *entry) envNames(v *hujson.Value) *Error {
	for i := range v.Value.(*hujson.Object).Members {
		m := &v.Value.(*hujson.Object).Members[i]
		if name := jsonc.Key(m); name == "" || strings.ContainsAny(name, "=\x00") {
			return e.fail(&m.Name, quoted(name)+` in "env" cannot name an environment variable.`, `A name is not empty and contains no "=".`)
		}
	}
	return nil
}

func (e *entry) headerNames(v *hujson.Value) *Error {
	for i := range v.Value.(*hujson.Object).Members {
		m := &v.Value.(*hujson.Object).Members[i]
		if name := jsonc.Key(m); name == "" || strings.Trim(name, headerRunes) != "" {
			return e.fail(&m.Name, quoted(name)+" cannot name an HTTP header.", `Write it like "Authorization".`)
		}
	}
	return nil
}

// RFC 9110, 5.6.2: "token = 1*tchar".
const headerRunes = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// finish decides what only the whole entry can say.
func (e *entry) finish(v *hujson.Value) {
	e.srv.Disabled = e.disabled != nil && *e.disabled || e.enabled != nil && !*e.enabled
	if e.err != nil {
		return
	}
	if e.enabled != nil && e.disabled != nil && *e.enabled == *e.disabled {
		e.note(e.fail(v, `"enabled" and "disabled" contradict each other.`, `Remove one of them.`))
	}
	s := &e.srv
	switch {
	case s.Command != "" && s.URL != "":
		e.note(e.fail(v, `The entry has both "command" and "url".`, "Keep the one you want: a program to start, or an address to contact."))
	case s.Command == "" && s.URL == "":
		e.note(e.fail(v, `The entry has neither "command" nor "url".`, `Add "command" to start a program, or "url" to contact a server.`))
	case s.Command != "" && e.hint != "" && e.hint != "stdio":
		e.note(e.fail(v, "A program is spoken to over stdio, not "+quoted(e.hint)+".", `Remove the transport, or write "url" in place of "command".`))
	case s.URL != "" && e.hint == "stdio":
		e.note(e.fail(v, `A "url" cannot be contacted over stdio.`, `Remove the transport, or write "command" in place of "url".`))
	case s.Command != "":
		s.Transport = "stdio"
	case e.hint != "":
		s.Transport = e.hint
	default:
		s.Transport = "http"
	}
	plain := *s
	if strings.Contains(s.URL, "${") {
		plain.URL = "" // known only after Expand
	}
	if err := plain.check(); err != nil {
		e.note(e.fail(v, err.Text, err.Hint))
	}
}
