package notify_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mcpproxy-tray/internal/tray/notify"
)

func TestMutesAreRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mutes.json")
	m := notify.OpenMutes(path)
	if on, until, muted := m.State(); !on || !until.IsZero() || muted != nil {
		t.Errorf("at first: %v, %v, %v", on, until, muted)
	}
	until := time.Now().Add(time.Hour)
	changed := m.Changed()
	for _, err := range []error{m.MuteServer("b", true), m.MuteServer("a", true), m.MuteServer("c", true), m.MuteServer("c", false), m.QuietUntil(until)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told")
	}
	on, quiet, muted := notify.OpenMutes(path).State()
	if !on || !quiet.Equal(until) || !slices.Equal(muted, []string{"a", "b"}) {
		t.Errorf("after a restart: %v, %v, %v", on, quiet, muted)
	}
	if err := m.SetOn(false); err != nil {
		t.Fatal(err)
	}
	if on, _, _ := notify.OpenMutes(path).State(); on {
		t.Error("switching off is not remembered")
	}
	if err := m.SetOn(true); err != nil {
		t.Fatal(err)
	}
	if on, quiet, _ := notify.OpenMutes(path).State(); !on || !quiet.IsZero() {
		t.Error("switching on does not end the quiet time")
	}
}

func TestMutingTwiceChangesNothing(t *testing.T) {
	m := notify.OpenMutes(filepath.Join(t.TempDir(), "mutes.json"))
	at := time.Now()
	for _, err := range []error{m.MuteServer("a", true), m.QuietUntil(at)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	changed := m.Changed()
	for _, err := range []error{m.MuteServer("a", true), m.QuietUntil(at), m.MuteServer("b", false)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-changed:
		t.Error("told of a change that was none")
	default:
	}
}
