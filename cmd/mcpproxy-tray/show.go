package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// logPace is how often servers logs -f looks for more.
const logPace = 250 * time.Millisecond

// tailBytes is how much of a log's end is read for --tail.
const tailBytes = 1 << 20

func newServersShow(o *options) *cobra.Command {
	return onServer(o, "show", "Show one server", func(c *cobra.Command, name string) error {
		a, err := o.connect()
		if err != nil {
			return err
		}
		if o.json() {
			return printDocument(c.Context(), a, serverPath(name, ""), c.OutOrStdout())
		}
		s, err := a.server(c, name)
		if err != nil {
			return err
		}
		return printServer(c.OutOrStdout(), s)
	})
}

// printServer prints what is known of one server, a line for each thing.
func printServer(out io.Writer, s server) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", key, oneLine(value))
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Local().Format("2006-01-02 15:04:05")
	}
	line("name", s.Name)
	line("state", s.State)
	line("since", at(s.Since))
	line("next try", at(s.RetryAt))
	line("transport", s.Transport)
	line("runs", s.Launch)
	if s.State == "connected" {
		line("tools", fmt.Sprintf("%d, of which %d approved", s.Tools.Total, s.Tools.Approved))
	}
	line("problem", s.Problem.Text)
	line("what to do", s.Problem.Hint)
	return w.Flush()
}

func newServersLogs(o *options) *cobra.Command {
	var follow bool
	var tail int
	c := onServer(o, "logs", "Show what a server wrote to its log", func(c *cobra.Command, name string) error {
		if tail < 0 {
			return &failure{exitUsage, "--tail takes a number of lines", ""}
		}
		dirs, err := o.dirs()
		if err != nil {
			return err
		}
		at, err := printTail(c.OutOrStdout(), dirs.ServerLog(name), tail)
		if errors.Is(err, fs.ErrNotExist) && !follow {
			return &failure{exitFailed, fmt.Sprintf("there is no log of a server named %q", name),
				"It is there once the server has written something; servers list shows the names."}
		}
		if follow && (err == nil || errors.Is(err, fs.ErrNotExist)) {
			err = followLog(c.Context(), c.OutOrStdout(), dirs.ServerLog(name), at)
		}
		if err != nil {
			err = endOfWatch(c.Context(), err)
		}
		return err
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more")
	c.Flags().IntVarP(&tail, "tail", "n", 100, "how many of the last `lines`")
	return c
}

// printTail prints the last lines of a file and returns where it ended.
func printTail(out io.Writer, path string, lines int) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	from := max(0, size-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(f, from, size-from))
	if err != nil {
		return 0, err
	}
	all := bytes.SplitAfter(data, []byte("\n"))
	if len(all[len(all)-1]) == 0 {
		all = all[:len(all)-1]
	}
	all = all[max(0, len(all)-lines):]
	_, err = io.WriteString(out, tame(bytes.Join(all, nil)))
	return size, err
}

// followLog prints what is added to a file after an offset, also when a new
// file takes its place, until ctx is done.
func followLog(ctx context.Context, out io.Writer, path string, at int64) error {
	for {
		select {
		case <-time.After(logPace):
		case <-ctx.Done():
			return ctx.Err()
		}
		data, err := readFrom(path, &at)
		if errors.Is(err, fs.ErrNotExist) {
			continue // moved away; the next one is on its way
		}
		if err == nil && len(data) > 0 {
			_, err = io.WriteString(out, tame(data))
		}
		if err != nil {
			return err
		}
	}
}

// readFrom reads a file from an offset, or from its start if it has become
// shorter than that, and moves the offset to its end.
func readFrom(path string, at *int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() < *at {
		*at = 0
	}
	data, err := io.ReadAll(io.NewSectionReader(f, *at, 1<<62-*at))
	*at += int64(len(data))
	return data, err
}

// tame keeps a log from controlling the terminal.
func tame(data []byte) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, string(data))
}
