package clients

import (
	"cmp"
	"encoding/json"
	"io"
	"iter"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// maxBytes is the largest file that is read: Claude Code keeps the history of all
// projects in the same one.
const maxBytes = 64 << 20

// A Server is an MCP server that a client starts or contacts by itself.
type Server struct {
	Client  string   // its name for people
	File    string   // in which it stands
	Name    string   // as the client calls it
	Command []string // with its arguments; empty if it has a URL
	URL     string
}

// Ours reports whether a server is our endpoint, at one of these addresses ("host:port"),
// or the bridge to it, in this program or in one named like it; self may be empty.
func (s Server) Ours(self string, addresses []string) bool {
	if len(s.Command) > 0 {
		name := filepath.Base(s.Command[0])
		return (strings.HasPrefix(name, "mcpproxy-tray") || self != "" && name == filepath.Base(self)) && slices.Contains(s.Command, "bridge")
	}
	u, err := url.Parse(s.URL)
	return err == nil && u.Host != "" && slices.Contains(addresses, strings.Replace(u.Host, "localhost", "127.0.0.1", 1))
}

// Launch is the same for servers that are started or contacted in the same way.
func Launch(command []string, address string) string {
	if address != "" {
		u, err := url.Parse(address)
		if err != nil {
			return address
		}
		u.Scheme, u.Host, u.Path = strings.ToLower(u.Scheme), strings.ToLower(u.Host), strings.TrimRight(u.Path, "/")
		return u.String()
	}
	name := strings.TrimSuffix(filepath.Base(command[0]), ".exe") // /usr/bin/npx is npx
	return strings.Join(append([]string{name}, command[1:]...), "\x00")
}

// Servers returns the servers of all clients' files of a user that are switched on,
// in the order of the clients, then of their names. env is the user's environment.
func Servers(home string, env func(string) (string, bool)) []Server {
	var all []Server
	var read []os.FileInfo // two names of one file, as where case does not count
	folder := folders(home, env)
	for _, c := range clients {
		for _, path := range c.paths(folder) {
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() || slices.ContainsFunc(read, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
				continue
			}
			read = append(read, info)
			for name, raw := range c.entries(load(path)) {
				if s, ok := server(raw); ok {
					s.Client, s.File, s.Name = c.Name, path, name
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// entries yields the entries of a client's file by name.
func (c Client) entries(root object) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, table := range c.tables {
			for _, entries := range descend(root, strings.Split(table, "/")) {
				for _, name := range slices.Sorted(maps.Keys(entries)) {
					if !yield(name, entries[name]) {
						return
					}
				}
			}
		}
	}
}

// An object is a JSON object whose values are not looked into yet.
type object map[string]json.RawMessage

// load reads an object, in JSON with or without comments or in TOML; nil if it cannot be understood.
func load(path string) object {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes))
	if err != nil {
		return nil
	}
	if strings.HasSuffix(path, ".toml") {
		return loadTOML(text)
	}
	if text, err = hujson.Standardize(text); err != nil {
		return nil
	}
	var o object
	if json.Unmarshal(text, &o) != nil {
		return nil
	}
	return o
}

// descend returns the objects at the end of a path of keys.
func descend(o object, path []string) []object {
	if len(path) == 0 {
		return []object{o}
	}
	var found []object
	for _, key := range slices.Sorted(maps.Keys(o)) {
		var next object
		if (key == path[0] || path[0] == "*") && json.Unmarshal(o[key], &next) == nil {
			found = append(found, descend(next, path[1:])...)
		}
	}
	return found
}

// server reads an entry in any client's words.
func server(raw json.RawMessage) (Server, bool) {
	var e struct {
		Command   json.RawMessage `json:"command"` // a text, a list, or an object with path and args
		Args      []string        `json:"args"`
		URL       string          `json:"url"`
		ServerURL string          `json:"serverUrl"`
		HTTPURL   string          `json:"httpUrl"`
		Disabled  bool            `json:"disabled"`
		Enabled   *bool           `json:"enabled"`
	}
	if json.Unmarshal(raw, &e) != nil || e.Disabled || e.Enabled != nil && !*e.Enabled {
		return Server{}, false
	}
	s := Server{URL: cmp.Or(e.URL, e.ServerURL, e.HTTPURL)}
	var word string
	var nested struct {
		Path string   `json:"path"`
		Args []string `json:"args"`
	}
	switch {
	case s.URL != "" || len(e.Command) == 0:
	case json.Unmarshal(e.Command, &word) == nil:
		s.Command = append([]string{word}, e.Args...)
	case json.Unmarshal(e.Command, &s.Command) == nil:
		s.Command = append(s.Command, e.Args...)
	case json.Unmarshal(e.Command, &nested) == nil:
		s.Command = append([]string{nested.Path}, nested.Args...)
	}
	return s, s.URL != "" || len(s.Command) > 0 && s.Command[0] != ""
}
