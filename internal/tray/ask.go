package tray

import (
	"context"
	"net/url"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// maxAsks is how many requests from outside the menu may wait; more than a person can make.
const maxAsks = 16

// An ask is what a person asked for outside the menu, with a notification that may
// be old by now.
type ask struct {
	kind   menu.Kind
	server string // empty for none
	token  string // of the window that opens; may be empty
}

// Restart restarts a server that is still down, as a click in the menu does, or
// says why not. It never blocks.
func (t *Tray) Restart(server string) { t.ask(ask{kind: menu.Restart, server: server}) }

// Mute ends notifications about a server. It never blocks.
func (t *Tray) Mute(server string) { t.ask(ask{kind: menu.Mute, server: server}) }

// OpenPage shows the status page, at a server unless that is empty. With token, if
// not empty, the desktop brings its window to the front. It never blocks.
func (t *Tray) OpenPage(server, token string) {
	t.ask(ask{kind: menu.OpenPage, server: server, token: token})
}

// OpenQuestions is OpenPage at what servers ask the user.
func (t *Tray) OpenQuestions(token string) { t.ask(ask{kind: menu.Answer, token: token}) }

func (t *Tray) ask(a ask) {
	select {
	case t.asks <- a:
	default:
		t.log.Warn("too much was asked for at once", "server", a.server)
	}
}

// answer does what was asked for, if it still makes sense.
func (t *Tray) answer(ctx context.Context, a ask) {
	if a.kind == menu.OpenPage || a.kind == menu.Answer {
		if t.o.Page != nil {
			t.browse(menu.Action{Kind: a.kind, Server: a.server}, a.token)
		}
		return
	}
	st, ok := t.o.View.GetServer(a.server)
	switch {
	case !ok:
		t.o.Notify(menu.Label(a.server)+" is gone", "It is no longer configured. Nothing was done.")
	case a.kind == menu.Mute:
		t.mute(ctx, a.server)
	default:
		t.restart(ctx, &st)
	}
}

// restart restarts a server that is down, and no other: the person saw that it was.
func (t *Tray) restart(ctx context.Context, st *stateview.ServerStatus) {
	if p, ok := t.pending[st.Name]; ok && p.kind == menu.Restart {
		return // its row says so
	}
	name, nothing := menu.Label(st.Name), "Nothing was restarted."
	switch st.State {
	case stateview.Backoff, stateview.Failed, stateview.Connecting:
		t.command(ctx, menu.Action{Kind: menu.Restart, Server: st.Name})
	case stateview.Connected:
		t.o.Notify(name+" is connected again", nothing)
	case stateview.Disabled, stateview.Stopping:
		t.o.Notify(name+" is switched off", nothing+" Its menu in the tray switches it on.")
	default:
		t.o.Notify(name+" waits for you", nothing+" The tray menu says what for.")
	}
}

// mute says that it worked and how to undo it: the menu, which shows it, is closed.
func (t *Tray) mute(ctx context.Context, server string) {
	if t.o.Mutes == nil {
		return
	}
	t.change(ctx, menu.Action{Kind: menu.Mute, Server: server}, func() {
		t.o.Notify("No more notifications about "+menu.Label(server), "Its menu in the tray switches them on again.")
	})
}

// A fronter brings the window that it opens to the front, with a token of the
// click's desktop.
type fronter interface {
	OpenURLWith(token, url string) error
}

// openPage shows the status page in the browser, at the action's server if it has one.
func (t *Tray) openPage(_ context.Context, a menu.Action) { t.browse(a, "") }

func (t *Tray) browse(a menu.Action, token string) {
	t.work.Go(func() {
		link := t.o.Page()
		switch { // the page's parts have such ids
		case a.Kind == menu.Answer:
			link += "#questions"
		case a.Server != "":
			link += "#server-" + url.PathEscape(a.Server)
		}
		open := t.o.Desktop.OpenURL
		if f, ok := t.o.Desktop.(fronter); ok && token != "" {
			open = func(link string) error { return f.OpenURLWith(token, link) }
		}
		if err := open(link); err != nil {
			t.o.Notify("Could not open the status page", sentence(err))
		}
	})
}
