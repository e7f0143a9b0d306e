package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/config"
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
			if server.Client == c.Name && server.Ours(u.Addresses) && s.As == "" {
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
	d, err := parse(change.Path, base)
	if err != nil {
		return nil, err
	}
	if c.plain && d != nil && !json.Valid(bytes.TrimPrefix(base, []byte("\ufeff"))) {
		return nil, &config.Error{Path: change.Path, Text: "The file has a comment or a comma too many, so " + c.Name + " ignores all of it.", Hint: "Take these out of " + change.Path + " first; nothing was changed."}
	}
	s, write := slot(nil), c.style
	if d != nil {
		s, write = c.slotIn(d)
	} else {
		s = append(strings.Split(c.tables[0], "/"), Name)
	}
	next := &memory{Path: change.Path, Time: time.Now().UTC().Truncate(time.Second), Created: change.Before == nil || m != nil && m.Created}
	if d != nil {
		v, err := s.value(d)
		if err != nil {
			return nil, placed(err, change.Path)
		}
		if v != nil {
			next.Previous = d.ValueText(v)
		}
	}
	change.After, err = s.set(d, write(e))
	if err != nil {
		return nil, placed(err, change.Path)
	}
	if next.Previous != "" && m == nil && equalJSON([]byte(next.Previous), write(e)) { // put there by hand
		change.After = change.Before
	}
	if change.Empty() {
		change.Note = c.Name + " is connected already."
		return change, nil
	}
	before, okBefore := s.others(base)
	after, okAfter := s.others(change.After)
	if !okBefore || !okAfter || before != after {
		return nil, &config.Error{Path: change.Path, Text: "The entry cannot be written without touching something else.", Hint: "Add it in an editor; nothing was changed."}
	}
	next.Before, next.After = differing(base, change.After)
	change.memory = next
	return change, nil
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
		if s.Client == c.Name && s.File == path && s.Ours(u.Addresses) {
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

// errUnknown is a file in which our entry is not where it should be.
var errUnknown = errors.New("clients: the place of the entry is not clear")

// without returns a client's file without our entry and with what was there before; nil if
// there was no file and nothing else has come into it.
func (u User) without(c Client, change *Change, m memory) ([]byte, error) {
	now := change.Before
	d, err := parse(change.Path, now)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return now, nil
	}
	s, _ := c.slotIn(d)
	back, err := s.back(now, m)
	if err != nil {
		return nil, placed(err, change.Path)
	}
	if rest, ok := s.others(back); m.Created && ok && rest == "{}" && len(bytes.TrimSpace([]byte(m.Before))) == 0 {
		return nil, nil
	}
	return back, nil
}

// back undoes what m remembers. Where the file still has what was written, that part becomes
// what it was, byte for byte; else the entry alone is changed.
func (s slot) back(now []byte, m memory) ([]byte, error) {
	want, ok := s.others(now)
	if !ok {
		return nil, errUnknown
	}
	if m.After != "" && bytes.Count(now, []byte(m.After)) == 1 {
		out := bytes.Replace(now, []byte(m.After), []byte(m.Before), 1)
		if got, ok := s.others(out); ok && got == want && s.has(out, m.Previous) {
			return out, nil
		}
	}
	d, err := parse("", now)
	if err != nil || d == nil {
		return nil, errors.Join(err, errUnknown)
	}
	v, err := s.value(d)
	if err != nil || v == nil {
		return now, err
	}
	if m.Previous != "" {
		out := bytes.Clone(now[:len(now)-len(bytes.TrimPrefix(now, []byte("\ufeff")))])
		text := bytes.TrimPrefix(now, []byte("\ufeff"))
		out = append(append(append(out, text[:v.StartOffset]...), m.Previous...), text[v.EndOffset:]...)
		return out, nil
	}
	return s.remove(d)
}

// has reports whether a file has exactly this text in the slot; none if it is empty.
func (s slot) has(content []byte, text string) bool {
	d, err := parse("", content)
	if err != nil {
		return false
	}
	if d == nil {
		return text == ""
	}
	v, err := s.value(d)
	if err != nil || v == nil {
		return err == nil && text == ""
	}
	return d.ValueText(v) == text
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

// placed adds the file to an error of a place in it.
func placed(err error, path string) error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		e.Path = path
	}
	return err
}

func equalJSON(a, b []byte) bool {
	x, errX := parse("", a)
	y, errY := parse("", b)
	if errX != nil || errY != nil || x == nil || y == nil {
		return false
	}
	x.Root.Minimize()
	y.Root.Minimize()
	return x.Root.String() == y.Root.String()
}
