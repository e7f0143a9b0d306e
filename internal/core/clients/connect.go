package clients

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/config/jsonc"
)

// A Status is how a client stands to us.
type Status struct {
	Client Client
	Path   string // its file; empty if we cannot write it
	Here   bool   // it seems to be installed
	As     string // the name under which it has us; empty if it has not
}

// Statuses returns how all clients stand.
func (u User) Statuses() (all []Status) {
	folder := u.folders()
	servers := Servers(u.Home, u.Env)
	for _, c := range clients {
		s := Status{Client: c, Path: c.file(folder), Here: c.installed(folder)}
		for _, server := range servers {
			if server.Client == c.Name && server.Ours(u.Self, u.Addresses) && s.As == "" {
				s.As, s.Path = server.Name, server.File
			}
		}
		all = append(all, s)
	}
	return all
}

// Manual returns where to put an entry by hand, and the text to put there, for a client
// whose file we do not write; both are empty for others.
func (u User) Manual(c Client, e Endpoint) (where, text string) {
	if c.manual == "" {
		return "", ""
	}
	return u.folders().Replace(c.manual), string(c.style(e))
}

// After is what the user has to do before the client takes notice; empty if nothing is known.
func (c Client) After() string { return c.after }

// Connect returns the change that puts an endpoint into a client's file.
func (u User) Connect(c Client, e Endpoint) (*Change, error) {
	if c.ID == "roo-code" {
		return nil, &config.Error{Text: "Roo Code was discontinued in May 2026; it is not connected any more.", Hint: "Take its servers over with: mcpproxy-tray import roo-code"}
	}
	change, err := u.look(c)
	if err != nil {
		return nil, err
	}
	base, m := change.Before, (*memory)(nil)
	if old, ok := u.memories().Load()[c.ID]; ok && old.Path == change.Path { // as if it was disconnected first
		if without, err := u.without(c, change, old); err == nil {
			base, m = without, &old
		}
	} else if as := u.as(c, change.Path); as != "" && as != Name {
		change.After, change.Note = change.Before, c.Name+" is connected already, as \""+as+"\"."
		return change, nil
	}
	f := formOf(c, change.Path)
	previous, err := f.text(change.Path, base)
	if err != nil {
		return nil, err
	}
	if c.plain && len(bytes.TrimSpace(base)) > 0 && !json.Valid(bytes.TrimPrefix(base, []byte(jsonc.BOM))) {
		return nil, &config.Error{Path: change.Path, Text: "The file has a comment or a comma too many, so " + c.Name + " ignores all of it.", Hint: "Take these out of " + change.Path + " first; nothing was changed."}
	}
	if change.After, err = f.set(base, e); err != nil {
		return nil, placed(err, change.Path)
	}
	if m == nil && previous != "" && same(f, base, change.After, false) { // put there by hand
		change.After = change.Before
	}
	if change.Empty() {
		change.Note = c.Name + " is connected already."
		return change, nil
	}
	if !same(f, base, change.After, true) {
		return nil, &config.Error{Path: change.Path, Text: "The entry cannot be written without touching something else.", Hint: "Add it in an editor; nothing was changed."}
	}
	next := &memory{Path: change.Path, Time: time.Now().UTC().Truncate(time.Second), Created: change.Before == nil || m != nil && m.Created, Previous: previous}
	next.Before, next.After = differing(base, change.After)
	change.memory = next
	return change, nil
}

// same reports whether two contents mean the same, of all or of the others' entries.
func same(f form, a, b []byte, others bool) bool {
	x, okX := f.meaning(a, others)
	y, okY := f.meaning(b, others)
	return okX && okY && x == y
}

// look begins a change with what the client's file has.
func (u User) look(c Client) (*Change, error) {
	folder := u.folders()
	path := c.file(folder)
	if path == "" {
		e := &config.Error{Text: c.Name + " is not installed here: neither its file nor the folder of it is there.", Hint: "Start it once, then try again."}
		if paths := c.paths(folder); len(paths) > 0 {
			e.Hint = "Its file would be " + paths[0] + ". " + e.Hint
		}
		return nil, e
	}
	before, err := read(path)
	return &Change{Client: c, Path: path, Before: before}, err
}

// as returns the name under which a client's file has us.
func (u User) as(c Client, path string) string {
	for _, s := range Servers(u.Home, u.Env) {
		if s.Client == c.Name && s.File == path && s.Ours(u.Self, u.Addresses) {
			return s.Name
		}
	}
	return ""
}

// Disconnect returns the change that takes our entry out and puts back what was there.
func (u User) Disconnect(c Client) (*Change, error) {
	change, err := u.look(c)
	if err != nil {
		return nil, err
	}
	change.After = change.Before
	m, remembered := u.memories().Load()[c.ID]
	if remembered && m.Path != change.Path {
		if change.Before, err = read(m.Path); err != nil {
			return nil, err
		}
		change.Path = m.Path
	}
	if !remembered && u.as(c, change.Path) != Name {
		change.Note = c.Name + " is not connected."
		if as := u.as(c, change.Path); as != "" {
			change.Note = c.Name + " has us as \"" + as + "\", which was put there by hand; it stays."
		}
		return change, nil
	}
	change.After, err = u.without(c, change, m)
	if err == nil && change.Empty() {
		change.Note = c.Name + " is not connected any more: the entry is gone already."
	}
	return change, err
}

// without returns a client's file without our entry and with what was there before; nil if
// there was no file and nothing else has come into it.
func (u User) without(c Client, change *Change, m memory) ([]byte, error) {
	f := formOf(c, change.Path)
	if _, err := f.text(change.Path, change.Before); err != nil || change.Before == nil {
		return nil, err
	}
	back, err := back(f, change.Path, change.Before, m)
	if err != nil {
		return nil, placed(err, change.Path)
	}
	if m.Created && same(f, back, nil, true) {
		return nil, nil
	}
	return back, nil
}

// back undoes what m remembers. Where the file still has what was written, that part becomes
// what it was, byte for byte; else the entry alone is changed.
func back(f form, path string, now []byte, m memory) ([]byte, error) {
	if m.After != "" && bytes.Count(now, []byte(m.After)) == 1 {
		out := bytes.Replace(now, []byte(m.After), []byte(m.Before), 1)
		if text, err := f.text(path, out); err == nil && text == m.Previous && same(f, now, out, true) {
			return out, nil
		}
	}
	return f.drop(now, m.Previous)
}

// differing returns the parts of two texts between what they begin and end with alike. No
// character is cut in two.
func differing(a, b []byte) (string, string) {
	from, end := 0, 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	for from > 0 && (inside(a, from) || inside(b, from)) {
		from--
	}
	for end < len(a)-from && end < len(b)-from && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	for end > 0 && (inside(a, len(a)-end) || inside(b, len(b)-end)) {
		end--
	}
	return string(a[from : len(a)-end]), string(b[from : len(b)-end])
}

// inside reports whether i is within a character.
func inside(text []byte, i int) bool { return i < len(text) && !utf8.RuneStart(text[i]) }
