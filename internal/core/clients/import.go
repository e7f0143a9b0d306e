package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"unicode"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/keep"
)

// An Import is what clients' servers would make of our configuration.
type Import struct {
	After []byte // the configuration's file
	Taken []Taken
	Left  []Left
}

// A Taken server comes into our configuration, switched on or off as the client has it.
type Taken struct {
	Client Client
	Theirs string          // its name in the client
	Name   string          // its name with us
	Entry  json.RawMessage // as config.File.Add takes it
}

// A Left server does not, for a reason that ends the sentence "It is not taken: …".
type Left struct {
	Client Client
	Theirs string
	Why    string
}

// Import works out how the servers of some clients come into our configuration, which is
// the file at path with this content. A client without a file is an error if it is the only one.
func (u User) Import(from []Client, path string, content []byte) (*Import, error) {
	cfg, err := config.Parse(content)
	if err != nil {
		if e, ok := errors.AsType[*config.Error](err); ok {
			e.Path = path
		}
		return nil, err
	}
	have := map[string]string{}
	for _, s := range cfg.Servers {
		if s.Err == nil {
			have[u.launch(s)] = s.Name
		}
	}
	in := &Import{After: content}
	for _, c := range from {
		roots, err := u.roots(c)
		if err != nil && len(from) > 1 {
			in.Left = append(in.Left, Left{c, "all", "the file cannot be read: " + err.Error()})
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, root := range roots {
			for name, raw := range c.entries(root) {
				if err := in.take(u, c, name, raw, path, have); err != nil {
					return nil, err
				}
			}
		}
	}
	return in, nil
}

// roots reads the client's files.
func (u User) roots(c Client) (all []object, err error) {
	if c.manual != "" {
		return nil, &config.Error{Text: "The servers of " + c.Name + " cannot be taken over by the program.", Hint: "Add them with mcpproxy-tray servers add; you find them in " + u.folders().Replace(c.manual) + "."}
	}
	for _, path := range c.paths(u.folders()) {
		text, err := read(path)
		if err != nil {
			return nil, err
		}
		if _, err := formOf(c, path).text(path, text); err != nil {
			return nil, err
		}
		if root := load(path); root != nil {
			all = append(all, root)
		}
	}
	if len(all) == 0 {
		return nil, &config.Error{Text: c.Name + " has no file with servers here.", Hint: "It would be " + c.paths(u.folders())[0] + "."}
	}
	return all, nil
}

// take adds one server to the import, or says why not.
func (in *Import) take(u User, c Client, theirs string, raw json.RawMessage, path string, have map[string]string) error {
	leave := func(why string) { in.Left = append(in.Left, Left{c, theirs, why}) }
	t, why := c.translate(raw, u.Home)
	if why != "" {
		if len(c.tables) == 1 || bytes.TrimSpace(raw)[0] == '{' && !strings.Contains(why, "neither") { // with several, one may be in the other
			leave(why)
		}
		return nil
	}
	s := Server{URL: t.URL}
	if t.URL == "" {
		s.Command = append([]string{t.Command}, t.Args...)
	}
	if s.Ours(u.Self, u.Addresses) {
		leave("it is mcpproxy-tray itself")
		return nil
	}
	entry, err := json.Marshal(t)
	if err != nil {
		return err
	}
	cfg, err := config.Parse(append(append([]byte(`{"mcpServers":{"x":`), entry...), "}}"...))
	if err != nil {
		return err
	}
	if cfg.Servers[0].Err != nil {
		leave(strings.TrimSuffix(cfg.Servers[0].Err.Text, "."))
		return nil
	}
	key := u.launch(cfg.Servers[0])
	if name, ok := have[key]; ok {
		leave(fmt.Sprintf("the same server is here as %q", name))
		return nil
	}
	name, after, err := added(path, in.After, theirs, entry)
	if err != nil {
		return err
	}
	have[key] = name
	in.After = after
	in.Taken = append(in.Taken, Taken{c, theirs, name, entry})
	return nil
}

// launch is the same for servers that come to the same.
func (u User) launch(s config.Server) string {
	if full, err := s.Expand(u.Env); err == nil {
		s = full
	}
	return Launch(append([]string{s.Command}, s.Args...), s.URL)
}

// mostOfAName is how many servers of one name are told apart by numbers.
const mostOfAName = 99

// added adds a server under a name that is valid and free.
func added(path string, content []byte, theirs string, entry json.RawMessage) (name string, after []byte, err error) {
	name = theirs
	after, err = config.Added(path, content, name, entry)
	if errors.Is(err, config.ErrInvalid) {
		name = validName(theirs)
		after, err = config.Added(path, content, name, entry)
	}
	first := name
	for n := 2; errors.Is(err, config.ErrExists) && n <= mostOfAName; n++ {
		name = fmt.Sprintf("%s-%d", first, n)
		after, err = config.Added(path, content, name, entry)
	}
	return name, after, err
}

// validName makes a name that the configuration takes of any text.
func validName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar:
			return -1
		case unicode.IsLetter(r) && r < unicode.MaxLatin1, unicode.IsDigit(r) && r < unicode.MaxASCII, strings.ContainsRune("-_.@", r):
			return r
		}
		return '-'
	}, s)
	if runes := []rune(s); len(runes) > 60 { // a number may follow; the longest name has 64
		s = string(runes[:60])
	}
	if s = strings.Trim(s, "-."); s == "" {
		return "server"
	}
	return s
}

func (u User) imports() *keep.Value[map[string]map[string]string] {
	return keep.Open[map[string]map[string]string](filepath.Join(u.Dir, "imported.json"))
}

// Remember notes servers that came into our configuration, for Imported.
func (u User) Remember(taken []Taken) error {
	if err := makeFolder(u.Dir); err != nil {
		return err
	}
	return u.imports().Change(func(all map[string]map[string]string) (map[string]map[string]string, bool) {
		next := map[string]map[string]string{}
		for id, names := range all {
			next[id] = maps.Clone(names)
		}
		for _, t := range taken {
			if next[t.Client.ID] == nil {
				next[t.Client.ID] = map[string]string{}
			}
			next[t.Client.ID][t.Name] = string(t.Entry)
		}
		return next, len(taken) > 0
	})
}

// Forget notes that the servers of a client were taken out again.
func (u User) Forget(c Client) error {
	return u.imports().Change(func(all map[string]map[string]string) (map[string]map[string]string, bool) {
		next := maps.Clone(all)
		delete(next, c.ID)
		return next, all[c.ID] != nil
	})
}

// Imported returns the servers that came from a client and are still as they came, by their
// names with us, and those that are not any more.
func (u User) Imported(c Client, cfg *config.Config) (same, changed []string) {
	all := u.imports().Load()[c.ID]
	for _, s := range cfg.Servers {
		entry, ok := all[s.Name]
		if !ok {
			continue
		}
		was, err := config.Parse(fmt.Appendf(nil, `{"mcpServers":{%q:%s}}`, "x", entry))
		if err == nil {
			was.Servers[0].Name, was.Servers[0].Disabled = s.Name, s.Disabled // to switch it is no change
		}
		if err == nil && was.Servers[0].Equal(s) {
			same = append(same, s.Name)
		} else {
			changed = append(changed, s.Name)
		}
	}
	return same, changed
}
