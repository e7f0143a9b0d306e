package config

import (
	"cmp"
	"encoding/json"
	"net/url"
	"path"
	"strings"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// maxSnippet is the longest text that is looked at as a snippet; the longest
// configurations of clients are far shorter.
const maxSnippet = 1 << 20

// A New is a server that somebody described outside the configuration.
type New struct {
	Name  string
	Entry json.RawMessage // a JSON object, as File.Add takes it
	Named bool            // the name stands in the text; else it was made, and another does as well
}

// ParseSnippet reads servers from a text such as people copy from a server's
// page: an http(s) URL, one entry ({"command": …} or {"url": …}), entries by
// name with or without "mcpServers" (or "servers") and braces around them, or a
// list of entries that have a "name". Comments are allowed. An entry without a
// name gets one from its URL or command. Whether the entries can be used is
// found when they are added.
func ParseSnippet(text string) ([]New, error) {
	none := &Error{Text: "This is neither an address nor the JSON of an MCP server.",
		Hint: `Copy something like {"mcpServers": {"name": {"command": "npx", "args": ["…"]}}} or an http(s) address.`, cause: ErrInvalid}
	text = unfenced(strings.TrimSpace(strings.TrimPrefix(text, jsonc.BOM)))
	if len(text) > maxSnippet {
		return nil, none
	}
	if u, err := url.Parse(text); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.ContainsAny(text, " \n") {
		return []New{{Name: nameOfURL(u), Entry: mustJSON(map[string]string{"url": text})}}, nil
	}
	if strings.HasPrefix(text, `"`) { // entries cut out of the braces around them
		text = "{" + strings.TrimSuffix(text, ",") + "}"
	}
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "/") {
		return nil, none
	}
	d, jerr := jsonc.Parse([]byte(text))
	if jerr != nil {
		return nil, &Error{Line: jerr.Line, Column: jerr.Column, Text: jerr.Text, Hint: "Copy all of it and try again.", cause: ErrInvalid}
	}
	d.Root.Standardize()
	found := entries(&d.Root)
	if len(found) == 0 {
		return nil, none
	}
	return found, nil
}

// unfenced returns what stands in the first code block of a text in Markdown, or the
// text itself if it has none.
func unfenced(text string) string {
	const fence = "```"
	_, rest, ok := strings.Cut(text, fence)
	if !ok {
		return text
	}
	_, rest, _ = strings.Cut(rest, "\n") // the language
	inside, _, _ := strings.Cut(rest, fence)
	return strings.TrimSpace(inside)
}

// entries finds the servers in a value.
func entries(v *hujson.Value) (found []New) {
	switch value := v.Value.(type) {
	case *hujson.Object:
		for _, key := range []string{"mcpServers", "servers", "mcp"} {
			if m, _ := jsonc.Member(value, key); m != nil {
				return entries(&m.Value)
			}
		}
		if isEntry(value) {
			return []New{newEntry(value, v)}
		}
		for i := range value.Members {
			m := &value.Members[i]
			if obj, ok := m.Value.Value.(*hujson.Object); ok && isEntry(obj) {
				found = append(found, New{jsonc.Key(m), packed(&m.Value), true})
			}
		}
	case *hujson.Array:
		for i := range value.Elements {
			if obj, ok := value.Elements[i].Value.(*hujson.Object); ok && isEntry(obj) {
				found = append(found, newEntry(obj, &value.Elements[i]))
			}
		}
	}
	return found
}

func isEntry(obj *hujson.Object) bool { return word(obj, "command") != "" || word(obj, "url") != "" }

// word returns the text of a member; "" if it is none.
func word(obj *hujson.Object, key string) string {
	if m, _ := jsonc.Member(obj, key); m != nil && m.Value.Value.Kind() == '"' {
		return jsonc.Text(m.Value.Value.(hujson.Literal))
	}
	return ""
}

func packed(v *hujson.Value) json.RawMessage { return json.RawMessage(strings.TrimSpace(v.String())) }

func newEntry(obj *hujson.Object, v *hujson.Value) New {
	name := word(obj, "name")
	return New{cmp.Or(name, nameOfEntry(obj)), packed(v), name != ""}
}

// nameOfEntry returns a name for an entry from what it runs or contacts.
func nameOfEntry(obj *hujson.Object) string {
	if u, err := url.Parse(word(obj, "url")); err == nil && u.Host != "" {
		return nameOfURL(u)
	}
	program := baseOf(word(obj, "command"))
	switch program {
	case "npx", "bunx", "uvx", "pnpm", "yarn", "node", "python", "python3", "deno", "docker", "uv":
	default:
		return program
	}
	if m, _ := jsonc.Member(obj, "args"); m != nil {
		if list, ok := m.Value.Value.(*hujson.Array); ok {
			for _, e := range list.Elements {
				if e.Value.Kind() != '"' {
					continue
				}
				arg := jsonc.Text(e.Value.(hujson.Literal))
				switch {
				case strings.HasPrefix(arg, "-"), arg == "run", arg == "exec", arg == "dlx":
				default:
					return shortName(baseOf(arg))
				}
			}
		}
	}
	return program
}

// baseOf returns the last part of a path or package, without its version or ending.
func baseOf(s string) string {
	base := path.Base(strings.ReplaceAll(s, `\`, "/"))
	if name, _, versioned := strings.Cut(base[min(1, len(base)):], "@"); versioned {
		base = base[:1] + name
	}
	for _, ending := range []string{".exe", ".cmd", ".js", ".mjs", ".py", ".ts"} {
		base = strings.TrimSuffix(base, ending)
	}
	return base
}

// shortName leaves out what nearly all names of packages share.
func shortName(s string) string {
	for _, prefix := range []string{"mcp-server-", "server-", "mcp-"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" {
			return rest
		}
	}
	for _, suffix := range []string{"-mcp-server", "-mcp", "-server"} {
		if rest, ok := strings.CutSuffix(s, suffix); ok && rest != "" {
			return rest
		}
	}
	return s
}

// nameOfURL returns the part of a host that tells whose it is: "linear" of mcp.linear.app.
func nameOfURL(u *url.URL) string {
	host := u.Hostname()
	parts := strings.Split(host, ".")
	for len(parts) > 2 && (parts[0] == "mcp" || parts[0] == "www" || parts[0] == "api") {
		parts = parts[1:]
	}
	if len(parts) == 2 && strings.Trim(parts[1], "0123456789") != "" {
		return parts[0]
	}
	if strings.Contains(host, ":") {
		return "server" // an IPv6 address
	}
	return strings.Join(parts, ".")
}

func mustJSON(v map[string]string) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts always can
	}
	return data
}
