package upstream

import (
	"errors"
	"os"
	"testing"
	"time"
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
