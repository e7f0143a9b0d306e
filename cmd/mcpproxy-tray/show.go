package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/tail"
)

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
	w, flush := table(out)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", key, oneLine(value))
		}
	}
	line("name", s.Name)
	line("state", s.State)
	line("since", clock(s.Since))
	line("next try", clock(s.RetryAt))
	line("transport", s.Transport)
	line("runs", s.Launch)
	if s.State == "connected" {
		line("tools", fmt.Sprintf("%d, of which %d approved", s.Tools.Total, s.Tools.Approved))
	}
	line("problem", s.Problem.Text)
	line("what to do", s.Problem.Hint)
	return flush()
}

func newServersLogs(o *options) *cobra.Command {
	var follow bool
	var lines int
	c := onServer(o, "logs", "Show what a server wrote to its log", func(c *cobra.Command, name string) error {
		if lines < 0 {
			return &failure{exitUsage, "--tail takes a number of lines", ""}
		}
		dirs, err := o.dirs()
		if err != nil {
			return err
		}
		log := tail.Open(dirs.ServerLog(name), lines)
		defer log.Close()
		if o.json() {
			out := &jsonLines{out: c.OutOrStdout()}
			if err = printLog(c.Context(), out, log, follow); err == nil {
				err = out.end()
			}
		} else {
			err = printLog(c.Context(), tamed{c.OutOrStdout()}, log, follow)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return &failure{exitFailed, fmt.Sprintf("there is no log of a server named %q", name),
				"It is there once the server has written something; servers list shows the names."}
		}
		if endOfWatch(c.Context(), err) != nil {
			return &failure{exitFailed, fmt.Sprintf("the log %s cannot be read", dirs.ServerLog(name)), "It should be a file that you may read; move away what is in its place."}
		}
		return nil
	})
	c.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more")
	c.Flags().IntVarP(&lines, "tail", "n", 100, "how many of the last `lines`")
	return c
}

// printLog prints what there is of a log and, if asked to, what is added until ctx is done.
func printLog(ctx context.Context, out io.Writer, log *tail.Log, follow bool) error {
	text, err := log.Rest()
	if errors.Is(err, fs.ErrNotExist) && follow {
		err = nil
	}
	for err == nil {
		if _, err = out.Write(text); err != nil || !follow {
			break
		}
		text, err = log.Next(ctx)
	}
	return err
}

// tamed writes what cannot control the terminal.
type tamed struct{ out io.Writer }

func (w tamed) Write(text []byte) (int, error) {
	_, err := io.WriteString(w.out, tame(text))
	return len(text), err
}

// jsonLines writes each line as an object of its own, once it is complete.
type jsonLines struct {
	out  io.Writer
	rest []byte // of the last line
}

func (w *jsonLines) Write(text []byte) (int, error) {
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	w.rest = append(w.rest, text...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(text), nil
		}
		w.rest = rest
		if err := e.Encode(struct {
			Line string `json:"line"`
		}{strings.TrimSuffix(string(line), "\r")}); err != nil {
			return 0, err
		}
	}
}

// end writes a last line that is not complete.
func (w *jsonLines) end() error {
	if len(w.rest) == 0 {
		return nil
	}
	_, err := w.Write([]byte("\n"))
	return err
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
