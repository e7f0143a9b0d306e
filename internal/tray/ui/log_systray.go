//go:build windows || (darwin && cgo)

package ui

import (
	"log/slog"
	"strings"
)

// A logWriter passes on what systray logs: its complaints about a missing panel
// are no news, Status says it.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.log.Debug("standard logger", "text", strings.TrimSpace(string(line)))
	return len(line), nil
}
