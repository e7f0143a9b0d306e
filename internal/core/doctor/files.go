package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"

	"mcpproxy-tray/internal/core/config"
	"mcpproxy-tray/internal/core/store"
)

// configuration finds what cannot be used in the file, with line and column.
func configuration(_ context.Context, x *exam) []Finding {
	if e, ok := errors.AsType[*config.Error](x.err); ok {
		return []Finding{{Text: e.Error(), Hint: e.Hint,
			Why: "The program goes on with the last good content, and starts with none if there was none."}}
	}
	if x.err != nil {
		return []Finding{{Text: "The configuration cannot be read.", Hint: "Make " + x.ConfigFile + " readable."}}
	}
	var found []Finding
	broken := func(e *config.Error) {
		found = append(found, Finding{Text: e.Error(), Hint: e.Hint, Why: "This server does not run."})
	}
	for _, e := range x.cfg.Refused {
		broken(e)
	}
	for _, s := range x.cfg.Servers {
		if s.Err != nil {
			broken(s.Err)
		}
	}
	for _, e := range x.cfg.Warnings {
		found = append(found, Finding{Text: e.Error(), Hint: e.Hint, Why: "It has no effect.", Minor: true})
	}
	return found
}

// permissions finds files of ours that others can read or change, or that are not ours.
func permissions(_ context.Context, x *exam) []Finding {
	var found []Finding
	look := func(path string, forbidden os.FileMode, why string) {
		info, err := os.Stat(path)
		if err != nil {
			return // not there yet
		}
		if owner, ok := ownerOf(info); ok && owner != x.uid {
			found = append(found, Finding{Text: fmt.Sprintf("%s belongs to another user (number %d).", path, owner),
				Why: "The program may not be able to use it, and that user can change it.", Hint: fmt.Sprintf("Run: sudo chown %d %s", x.uid, config.ShellQuote(path))})
			return
		}
		if mode := info.Mode().Perm(); x.uid >= 0 && mode&forbidden != 0 {
			verb := map[bool]string{true: "change", false: "open"}[mode&0o022 != 0]
			found = append(found, Finding{Text: fmt.Sprintf("Others can %s %s (mode %04o).", verb, path, mode),
				Why: why, Hint: fmt.Sprintf("Run: chmod %s %s", map[bool]string{true: "go=", false: "go-w"}[forbidden == 0o077], config.ShellQuote(path))})
		}
	}
	look(x.Dirs.Data, 0o077, "It holds the program's keys and its record of what you approved.")
	look(x.Dirs.Token(), 0o077, "Who has it can call your tools.")
	look(x.Dirs.AdminToken(), 0o077, "Who has it can approve and change servers.")
	look(x.Dirs.Database(), 0o077, "It holds what you approved.")
	look(x.Dirs.History(), 0o077, "It holds what was called, and what was sent and answered if you keep that.")
	look(x.Dirs.ApprovalsLog(), 0o077, "It holds what you approved.")
	look(x.ConfigFile, 0o022, "Who can change it says which programs run as you.")
	return found
}

// database finds one that cannot be read. The running instance has its database open.
func database(_ context.Context, x *exam) []Finding {
	e := x.unsound(x.Dirs.Database())
	if e == nil {
		return nil
	}
	return []Finding{{Text: e.Text, Hint: e.Hint, Why: "It holds what you approved; without it every server asks again."}}
}

// history finds one that cannot be read although it is wanted. The running instance
// says itself what is wrong with its history.
func history(_ context.Context, x *exam) []Finding {
	if x.err == nil && !x.cfg.History.Enabled {
		return nil
	}
	path := x.Dirs.History()
	e := x.unsound(path)
	if e == nil {
		return nil
	}
	f := Finding{Why: "What was called, and how long servers were up, can be looked up nowhere else."}
	switch e.Code {
	case store.Damaged:
		f.Text = fmt.Sprintf("The history %s is damaged.", path)
		f.Hint = "The next start moves it aside and begins a new one. If you have a good copy, put that in its place before."
	case store.Locked:
		f.Text = fmt.Sprintf("No history is kept: the file %s is in use by another process.", path)
		f.Hint = "End that process."
	default:
		f.Text = fmt.Sprintf("No history is kept: the file %s cannot be used.", path)
		f.Hint = "Make it readable and writable for your user, or move it away."
	}
	return []Finding{f}
}

// unsound returns what is wrong with the content of a file of ours that no running
// instance has open; nil if nothing is. One with another mode than ours is not opened,
// which would change that.
func (x *exam) unsound(path string) *store.Error {
	if x.Running != "" {
		return nil
	}
	info, err := os.Stat(path)
	if err == nil && info.Mode().IsRegular() && x.uid >= 0 && info.Mode().Perm()&^0o600 != 0 {
		return nil
	}
	e, _ := errors.AsType[*store.Error](store.Check(path))
	return e
}
