package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// live is a session with a channel that tells its end. It belongs to a runner.
type live struct {
	Session
	ended chan struct{} // closed once Wait has returned
	err   error         // why; to be read after ended is closed
}

// begin starts to wait for a session's end. The runner must call end.
func begin(s Session) *live {
	l := &live{Session: s, ended: make(chan struct{})}
	go func() {
		l.err = s.Wait()
		close(l.ended)
	}()
	return l
}

// end closes the session and waits until it has ended.
func (l *live) end(log *slog.Logger) {
	if err := l.Close(); err != nil {
		log.Error("session not closed in order", "err", err)
	}
	<-l.ended
}

// list returns the session's tools; it does not outlive the session.
func (l *live) list(ctx context.Context) (stateview.ToolList, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-l.ended:
			cancel(errSessionEnded)
		case <-stop:
		}
	}()
	tools, err := l.Tools(ctx)
	close(stop)
	<-watching
	if err == nil {
		return stateview.NewToolList(tools), nil
	}
	select {
	case <-l.ended: // why it ended says more than how the listing failed
		if l.err != nil {
			err = l.err
		}
	default:
	}
	return stateview.ToolList{}, err
}

var errSessionEnded = errors.New("session ended")

// sleep waits, and reports whether the session and ctx still are by then.
func (l *live) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ended:
	case <-ctx.Done():
	}
	return false
}
