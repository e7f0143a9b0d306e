package upstream

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/core/config"
)

// unkillable ends processes and says that it could not.
type unkillable struct{ Processes }

func (u unkillable) Stop(p *os.Process, polite time.Duration) error {
	return errors.Join(u.Processes.Stop(p, polite), errors.New("still there"))
}

func TestProcessThatCannotBeEndedIsNamed(t *testing.T) {
	c := testConnector()
	c.Processes = unkillable{c.Processes}
	s, err := c.Connect(t.Context(), childOf("old"))
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, s.Close(), "MPT-NOT-KILLABLE", "exit")
	wantProblem(t, s.Close(), "MPT-NOT-KILLABLE", "exit")
	<-s.child.exited // it was ended after all
}

func TestProcessThatFailsAndCannotBeEndedIsNamed(t *testing.T) {
	c := testConnector()
	c.Processes = unkillable{c.Processes}
	for _, secret := range []string{"", "cannot be ended", "before it answered"} { // in either's words
		srv := config.Server{Name: "ends", Command: os.Args[0], Args: []string{"-test.run=^$"}, Transport: "stdio"}
		srv.Env = map[string]string{"API_KEY": secret}
		_, err := c.Connect(t.Context(), srv)
		wantProblem(t, err, "MPT-NOT-KILLABLE", "exit")
		if text := err.Error(); !strings.Contains(text, "MPT-EXIT-EARLY") || secret != "" && strings.Contains(text, secret) {
			t.Errorf("secret %q: %v", secret, err)
		}
	}
}

// stuckSession is one of a process that nothing can end.
func stuckSession(t *testing.T) *Session {
	w := quietWire(t)
	return &Session{wire: w, log: w.log, child: &child{
		wire: w, cmd: &exec.Cmd{Process: &os.Process{Pid: 4711}}, gone: make(chan struct{}), limits: Timeouts{}.withDefaults(),
	}}
}

func TestCloseReturnsThoughAWriteIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, held := stuckSession(t), make(chan struct{})
		defer close(held)
		s.wire.spawn(func() { <-held }) // as a write without a deadline
		s.child.stop = pNotKillable.with(4711)
		close(s.child.gone)
		began := time.Now()
		wantProblem(t, s.Close(), "MPT-NOT-KILLABLE", "exit")
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

func TestCloseReturnsThoughAPipeIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stuckSession(t)
		began := time.Now()
		wantProblem(t, s.Close(), "MPT-NOT-KILLABLE", "exit")
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}
