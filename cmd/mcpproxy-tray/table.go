package main

import (
	"bytes"
	"io"
	"text/tabwriter"
	"time"
)

// table returns where to write rows, with tabs between their cells, and what prints
// them to out below each other, at once: a terminal should not see them one by one.
func table(out io.Writer) (rows io.Writer, flush func() error) {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	return w, func() error {
		if err := w.Flush(); err != nil {
			return err
		}
		var lines []byte
		for line := range bytes.Lines(text.Bytes()) { // the last cells of a row may be empty
			lines = append(append(lines, bytes.TrimRight(line, " \n")...), '\n')
		}
		_, err := out.Write(lines)
		return err
	}
}

// clock words a time as people have it; the zero time as nothing.
func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateTime)
}
