//go:build !windows && !darwin

package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/traytest"
)

// listen returns what is asked for with notes of d, in order.
func listen(d *Desktop) <-chan Invoked {
	c := make(chan Invoked, 1000)
	d.Invoked = func(i Invoked) { c <- i }
	return c
}

// syncReader waits until the reader has seen all that the daemon has sent so far:
// its answer to a later note comes after that.
func syncReader(t *testing.T, d *Desktop) {
	t.Helper()
	mustSend(t, d, Note{Tag: "sync", Title: "sync"})
}

func drain(t *testing.T, d *Desktop, c <-chan Invoked) (got []Invoked) {
	t.Helper()
	syncReader(t, d)
	for {
		select {
		case i := <-c:
			got = append(got, i)
		default:
			return got
		}
	}
}

func TestEachActionOfEachKindIsToldOnce(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "body", "actions"), open(t, bus)
	asked := listen(d)
	for k := range numKinds {
		for _, names := range [][]string{{"a"}, {"a", "b"}} {
			n := groupNote(k, names, DefaultSettings())
			for _, a := range n.Actions {
				n.Tag = fmt.Sprint(k, len(names), a)
				mustSend(t, d, n)
				notes := daemon.Notes()
				got := notes[len(notes)-1]
				if i := slices.Index(got.Actions, keys[a]); i < 0 || i%2 != 0 || got.Actions[i+1] != labels[a] || len(got.Actions) != 2*len(n.Actions) {
					t.Fatalf("kind %d: actions %q", k, got.Actions)
				}
				daemon.ActionToken(t, got.ID, "token-1")
				daemon.Action(t, got.ID, keys[a])
				daemon.Action(t, got.ID, keys[a])
				daemon.Dismiss(t, got.ID, 2)
				daemon.Action(t, got.ID, keys[a])
				want := []Invoked{{a, n.Tag, n.Server, "token-1"}}
				if told := drain(t, d, asked); !slices.Equal(told, want) {
					t.Errorf("kind %d of %v: told %v, want %v", k, names, told, want)
				}
			}
		}
	}
}

func TestNoActionsWhereTheDaemonHasNone(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "body"), open(t, bus)
	n := groupNote(kindDown, []string{"a"}, DefaultSettings())
	mustSend(t, d, n)
	if got := daemon.Wait(t, 1)[0].Actions; len(got) != 0 {
		t.Errorf("actions %q", got)
	}
	daemon.Stop()
	other := bus.Daemon(t, "actions") // asked anew: it is another one
	mustSend(t, d, n)
	if got := other.Wait(t, 1)[0].Actions; !slices.Equal(got, []string{"default", labels[Click], "restart", "Restart", "mute", "Mute"}) {
		t.Errorf("actions %q", got)
	}
}

// TestJunkSignalsAreIgnored has what any program on the bus may send.
func TestJunkSignalsAreIgnored(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "actions"), open(t, bus)
	asked := listen(d)
	mustSend(t, d, Note{Tag: "x", Title: "x", Server: "a", Actions: []Action{Click, Review}})
	id := daemon.Wait(t, 1)[0].ID
	stranger := bus.Connect(t)
	for _, body := range [][]any{{id, "review"}, {id, "default"}} {
		unicast(t, stranger, daemon.Notes()[0].Sender, "ActionInvoked", body...)
	}
	unicast(t, stranger, daemon.Notes()[0].Sender, "NotificationClosed", id, uint32(2))
	unicast(t, stranger, daemon.Notes()[0].Sender, "ActivationToken", id, "stolen")
	for _, body := range [][]any{
		{}, {id}, {"review", id}, {int32(id), "review"}, {id, uint32(1)}, {id, "review", "more"}, {id + 1, "review"},
		{id, "restart"}, {id, "mute"}, {id, ""}, {id, "Review"}, {id, []string{"review"}}, {dbus.MakeVariant(id), "review"}, {uint64(id), "review"},
	} {
		daemon.Signal(t, "ActionInvoked", body...)
	}
	for _, body := range [][]any{{}, {"x"}, {id + 1, uint32(1)}, {id}, {"x", "y"}, {int64(id), uint32(1)}} {
		daemon.Signal(t, "NotificationClosed", body...)
	}
	for _, token := range []any{strings.Repeat("x", maxToken+1), "a\nb", "é", uint32(1)} {
		daemon.Signal(t, "ActivationToken", id, token)
	}
	daemon.Signal(t, "NoSuchSignal", id, "review")
	settle(t, stranger)
	if got := drain(t, d, asked); len(got) != 0 {
		t.Fatalf("told %v", got)
	}
	daemon.Action(t, id, "review") // it was neither closed nor used up
	if got, want := drain(t, d, asked), []Invoked{{Review, "x", "a", ""}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// unicast sends a signal to one program, whether it asked for such or not.
func unicast(t *testing.T, from *dbus.Conn, to, member string, body ...any) {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeSignal, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldInterface: dbus.MakeVariant(daemonName), dbus.FieldMember: dbus.MakeVariant(member),
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(daemonPath)), dbus.FieldDestination: dbus.MakeVariant(to),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}}
	from.Send(m, nil)
}

// settle waits until the bus has handed on what was sent on a connection.
func settle(t *testing.T, c *dbus.Conn) {
	t.Helper()
	if err := c.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err; err != nil {
		t.Fatal(err)
	}
}

func TestActionsOfADaemonThatRestarted(t *testing.T) {
	bus := traytest.Bus(t)
	d := open(t, bus)
	asked := listen(d)
	first := bus.Daemon(t, "actions")
	n := Note{Tag: "x", Title: "x", Server: "a", Actions: []Action{Click, Restart}}
	mustSend(t, d, n)
	id := first.Wait(t, 1)[0].ID
	first.Stop()
	second := bus.Daemon(t, "actions")
	second.Action(t, id, "restart") // somebody else's note there
	if got := drain(t, d, asked); len(got) != 0 {
		t.Errorf("told %v", got)
	}
	mustSend(t, d, n)
	notes := second.Wait(t, 2)
	second.Action(t, notes[1].ID, "restart")
	if got, want := drain(t, d, asked), []Invoked{{Restart, "x", "a", ""}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestActionsAfterTheBusRestarted(t *testing.T) {
	bus := traytest.Bus(t)
	d := open(t, bus)
	asked := listen(d)
	bus.Daemon(t, "actions")
	n := Note{Tag: "x", Title: "x", Server: "a", Actions: []Action{Click, Restart}}
	mustSend(t, d, n)
	bus.Stop()
	bus.Start(t)
	daemon := bus.Daemon(t, "actions")
	traytest.WaitFor(t, "the loss is noticed", func() bool { return send(t, d, n) == nil })
	notes := daemon.Wait(t, 1)
	daemon.Action(t, notes[len(notes)-1].ID, "default")
	if got, want := drain(t, d, asked), []Invoked{{Click, "x", "a", ""}}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestReplacementKeepsTheIDUntilItIsClosed(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "actions"), open(t, bus)
	asked := listen(d)
	down := groupNote(kindDown, []string{"a"}, DefaultSettings())
	down.Tag = "o"
	mustSend(t, d, down)
	mustSend(t, d, recoveredNote("o", []string{"a"}, nil))
	notes := daemon.Wait(t, 2)
	id := notes[0].ID
	if notes[1].Replaces != id || notes[1].Hints["transient"].Value() != true {
		t.Errorf("replaces %d of %d, hints %v", notes[1].Replaces, id, notes[1].Hints)
	}
	daemon.Action(t, id, "restart") // the button is gone
	daemon.Dismiss(t, id, 1)
	if got := drain(t, d, asked); len(got) != 0 {
		t.Errorf("told %v", got)
	}
	mustSend(t, d, down)
	if notes = daemon.Notes(); notes[len(notes)-1].Replaces != 0 {
		t.Errorf("replaces %d, which is closed", notes[len(notes)-1].Replaces)
	}
}

// TestNaughtyServersAreAnsweredByTheirName: what is shown is cleaned, what is acted on is not.
func TestNaughtyServersAreAnsweredByTheirName(t *testing.T) {
	var names []string
	for _, a := range naughty {
		for _, b := range append([]string{"_"}, naughty...) {
			names = append(names, a+b)
		}
	}
	if len(names) < 500 {
		t.Fatalf("%d names, want 500", len(names))
	}
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "actions", "body", "body-markup"), open(t, bus)
	asked := listen(d)
	for i, name := range names {
		n := groupNote([]kind{kindDown, kindCrash, kindUnstable}[i%3], []string{name}, DefaultSettings())
		n.Tag = "naughty"
		if i%2 == 0 {
			n.Body += " " + name // of a later wording
		}
		n.Body = clean(n.Body, maxBody)
		mustSend(t, d, n)
		notes := daemon.Notes()
		got := notes[len(notes)-1]
		if strings.ContainsAny(got.Body, "<>") || !cleanEnough(got.Summary, maxText) || got.Actions[2] != "restart" {
			t.Errorf("%q: %q, %q", name, got.Summary, got.Body)
		}
		daemon.Action(t, got.ID, "restart")
	}
	got := drain(t, d, asked)
	if len(got) != len(names) {
		t.Fatalf("told %d, want %d", len(got), len(names))
	}
	for i, name := range names {
		if got[i].Server != name || got[i].Action != Restart {
			t.Errorf("told %+v, want %q", got[i], name)
		}
	}
}

// TestActionsGoOnWhileTheDaemonHangs: a note that hangs costs its own time limit only.
func TestActionsGoOnWhileTheDaemonHangs(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "actions"), open(t, bus)
	asked := listen(d)
	mustSend(t, d, Note{Tag: "x", Title: "x", Server: "a", Actions: []Action{Click, Restart}})
	id := daemon.Wait(t, 1)[0].ID
	daemon.Hang(true)
	sent := make(chan error, 1)
	go func() { sent <- send(t, d, Note{Tag: "y", Title: "y"}) }()
	daemon.Action(t, id, "restart")
	select {
	case got := <-asked:
		if got != (Invoked{Restart, "x", "a", ""}) {
			t.Errorf("told %v", got)
		}
	case <-time.After(traytest.Patience):
		t.Error("told nothing")
	}
	daemon.Hang(false)
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestAnsweredNoteIsClosed: some daemons leave it on the screen, others close it.
func TestAnsweredNoteIsClosed(t *testing.T) {
	bus := traytest.Bus(t)
	daemon, d := bus.Daemon(t, "actions"), open(t, bus)
	n := New(Options{View: stateview.New(), Sender: d, Settings: DefaultSettings()})
	d.Invoked = n.Answered
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = n.Run(ctx) })
	for i, closes := range []bool{false, true} {
		n.put(Note{Tag: fmt.Sprint(i), Title: "x", Server: "a", Actions: []Action{Click, Restart}})
		traytest.WaitFor(t, "the note", func() bool { return d.shown.id(fmt.Sprint(i)) != 0 })
		id := daemon.Notes()[i].ID
		daemon.Action(t, id, "restart")
		if closes {
			daemon.Dismiss(t, id, 2)
		}
		traytest.WaitFor(t, "the note's end", func() bool { return d.shown.id(fmt.Sprint(i)) == 0 })
	}
	if got := daemon.Closed(); len(got) == 0 || got[0] != daemon.Notes()[0].ID {
		t.Errorf("closed %v", got)
	}
}
