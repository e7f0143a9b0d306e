package tray

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// news is what was drawn beside the servers, and what tells that it changed.
type news struct {
	switched, muted <-chan struct{}
	asked           <-chan struct{}
	quietUntil      time.Time // zero if it is not quiet
}

// look fills in what the menu shows of the program as a whole.
func (t *Tray) look(o *menu.Options) {
	t.news = news{}
	if t.o.Program != nil {
		o.CanPause, o.CanPaste = true, t.o.Desktop.CanPaste()
		o.Paused, o.Until, t.news.switched = t.o.Program.Switches()
	}
	if t.o.Questions != nil {
		o.Asking, t.news.asked = t.o.Questions()
	}
	if t.o.Mutes != nil {
		t.news.muted = t.o.Mutes.Changed()
		on, until, muted := t.o.Mutes.State()
		if !until.After(time.Now()) {
			until = time.Time{}
		}
		t.news.quietUntil = until
		o.Notify = menu.Notifications{Known: true, On: on, QuietUntil: until, Muted: muted}
	}
	if t.o.Autostart != nil {
		o.CanLogin, o.Login = true, t.o.Autostart.Enabled()
	}
	o.Busy = make(map[menu.Kind]bool, len(t.busy))
	for k := range t.busy {
		o.Busy[k] = true
	}
}

// verbs are what could not be done, where the kind's name is no word for it.
var verbs = map[menu.Kind]string{
	menu.EnableHour: "enable", menu.Mute: "mute", menu.Unmute: "unmute",
	menu.Pause: "pause calls", menu.Resume: "resume calls", menu.Paste: "add a server from the clipboard",
	menu.NotifyOn: "switch notifications on", menu.NotifyOff: "switch notifications off",
	menu.Quiet: "keep quiet", menu.Loud: "end the quiet",
	menu.LoginOn: "set the start at login", menu.LoginOff: "remove the start at login",
}

func verb(k menu.Kind) string {
	if v, ok := verbs[k]; ok {
		return v
	}
	return k.String()
}

// turn does what a click asks for that is no command of a server; the menu shows it.
func (t *Tray) turn(ctx context.Context, a menu.Action) { t.change(ctx, a, nil) }

// change does what is asked for that is no command of a server. done, if not nil,
// is called when that worked.
func (t *Tray) change(ctx context.Context, a menu.Action, done func()) {
	t.seq++
	seq := t.seq
	if a.Server == "" {
		t.busy[a.Kind] = seq
	}
	t.asked[a.Server] = a.Kind
	t.work.Go(func() {
		err := t.set(ctx, a)
		switch {
		case err == nil && done != nil:
			done()
		case err != nil && ctx.Err() == nil:
			what := verb(a.Kind)
			if a.Server != "" {
				what += " " + menu.Label(a.Server)
			}
			t.o.Notify("Could not "+what, t.reason(err, a.Server))
		}
		select {
		case t.results <- result{seq: seq, kind: a.Kind, server: a.Server, err: err}:
		case <-ctx.Done():
		}
	})
}

// reason words an error of whatever is not the program's core: it is worded already.
func (t *Tray) reason(err error, server string) string {
	if _, ok := errors.AsType[explained](err); ok {
		return t.explain(err, server)
	}
	t.log.Error("action failed", "server", server, "err", err)
	return sentence(err)
}

func (t *Tray) set(ctx context.Context, a menu.Action) error {
	switch a.Kind {
	case menu.Pause, menu.Resume:
		return t.o.Program.SetPaused(ctx, a.Kind == menu.Pause)
	case menu.Paste:
		return t.paste(ctx)
	case menu.Mute, menu.Unmute:
		return t.o.Mutes.MuteServer(a.Server, a.Kind == menu.Mute)
	case menu.NotifyOn, menu.NotifyOff:
		return t.o.Mutes.SetOn(a.Kind == menu.NotifyOn)
	case menu.Quiet:
		return t.o.Mutes.QuietUntil(fullMinute(time.Now().Add(time.Hour)))
	case menu.Loud:
		return t.o.Mutes.QuietUntil(time.Time{})
	default:
		return t.o.Autostart.SetEnabled(a.Kind == menu.LoginOn)
	}
}

// fullMinute returns the next full minute, which a menu can show exactly.
func fullMinute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }

// paste adds what the clipboard holds and says what became of it.
func (t *Tray) paste(ctx context.Context) error {
	text, err := t.o.Desktop.PasteText()
	if err != nil {
		return err
	}
	names, err := t.o.Program.AddText(ctx, text)
	if len(names) > 0 {
		t.o.Notify("Added "+list(names), t.became(names))
	}
	return err
}

// list returns names as they stand in a sentence; many are counted.
func list(names []string) string {
	const most = 4
	var shown []string
	for _, n := range names[:min(len(names), most)] {
		shown = append(shown, menu.Label(n))
	}
	if len(names) > most {
		shown = append(shown, "others")
	}
	if len(shown) == 1 {
		return shown[0]
	}
	return strings.Join(shown[:len(shown)-1], ", ") + " and " + shown[len(shown)-1]
}

// became says what became of servers that were added.
func (t *Tray) became(names []string) string {
	waits := slices.ContainsFunc(names, func(n string) bool {
		st, ok := t.o.View.GetServer(n)
		return ok && st.State == stateview.Quarantined
	})
	switch {
	case waits && len(names) == 1:
		return "It waits for your approval: open its menu to see what it would run."
	case waits:
		return "They wait for your approval: open their menus to see what they would run."
	}
	return "The menu shows what became of it."
}
