//go:build unix && !darwin

package sni

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"mcpproxy-tray/internal/tray/traytest"
)

// A slowPanel is a watcher that does not say at first whether there is a panel.
type slowPanel struct {
	asked, registered atomic.Int32
	wait              time.Duration
}

func (p *slowPanel) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	if p.asked.Add(1) == 1 {
		time.Sleep(p.wait)
	}
	return dbus.MakeVariant(true), nil
}

func (p *slowPanel) RegisterStatusNotifierItem(string) *dbus.Error {
	p.registered.Add(1)
	return nil
}

// TestPanelThatIsSlowAtFirst: that it did not answer once is not said for ever.
func TestPanelThatIsSlowAtFirst(t *testing.T) {
	s := newStage(t, 1)
	status := func(want string) {
		t.Helper()
		traytest.WaitFor(t, "the status "+want, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return strings.Contains(s.status, want)
		})
	}
	status("true true")
	s.host.Stop()
	status(noPanel)
	panel := &slowPanel{wait: callLimit + time.Second}
	conn := s.bus.Connect(t)
	for _, iface := range []string{watcherName, "org.freedesktop.DBus.Properties"} {
		if err := conn.Export(panel, watcherPath, iface); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.RequestName(watcherName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	status(hungPanel)
	status("true true")
	if n := panel.registered.Load(); n != 1 {
		t.Errorf("registered %d times", n)
	}
}
