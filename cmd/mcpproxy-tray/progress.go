package main

import (
	"fmt"
	"io"

	"mcpproxy-tray/internal/core/toolcall"
)

// clearLine returns to the start of the line and erases it (ECMA-48 8.3.41, EL).
const clearLine = "\r\x1b[K"

// progressWidth keeps progress on one line of a narrow terminal: what wraps stays.
const progressWidth = 70

// progressOn returns what shows progress on the last line of a terminal, and what takes
// that line away. Elsewhere there is nothing to show: progress is nil.
func progressOn(out io.Writer) (progress func(toolcall.Progress), end func()) {
	if !obeys(out) {
		return nil, func() {}
	}
	shown := false
	return func(p toolcall.Progress) {
			shown = true
			fmt.Fprint(out, clearLine+progressText(p))
		}, func() {
			if shown {
				fmt.Fprint(out, clearLine)
			}
		}
}

// progressText is what is shown of progress: "40 % reading", or "3 reading" where the
// total is not known.
func progressText(p toolcall.Progress) string {
	text := fmt.Sprintf("%.4g %s", p.Done, oneLine(p.Text))
	if p.Total > 0 {
		text = fmt.Sprintf("%.0f %% %s", min(100, max(0, 100*p.Done/p.Total)), oneLine(p.Text))
	}
	if r := []rune(text); len(r) > progressWidth {
		text = string(r[:progressWidth-1]) + "…"
	}
	return text
}
