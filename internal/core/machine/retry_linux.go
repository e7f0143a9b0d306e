package machine

import (
	"context"
	"log/slog"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute // what is missing for so long is seldom looked for
)

// retry runs f again and again until ctx is done, waiting longer after each time
// that it ended soon.
func retry(ctx context.Context, log *slog.Logger, part string, f func() error) {
	wait := firstRetry
	for {
		start := time.Now()
		err := f()
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > lastRetry {
			wait = firstRetry
		}
		log.Debug("not available", "part", part, "err", err, "retry_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(4*wait, lastRetry)
	}
}
