package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// lookAgain is how long status --watch waits between two looks for an instance
// after one has ended.
const lookAgain = 500 * time.Millisecond

// A watchPrinter prints what a stream of events says.
type watchPrinter interface {
	event(name string, data []byte) error
	gone() error // no instance runs; called once until the next event
}

// watchStatus prints the state of all servers, then each change, until ctx is
// done or nobody reads it any more. It waits for the next instance when one
// ends; a is nil if none runs yet.
func watchStatus(c *cobra.Command, o *options, a *api, p watchPrinter) error {
	ctx := c.Context()
	for {
		if a != nil {
			if err := follow(ctx, a, p.event); err != nil {
				return endOfWatch(ctx, err)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		say(c, "no instance is running; waiting for one")
		if err := p.gone(); err != nil {
			return endOfWatch(ctx, err)
		}
		var err error
		if a, err = o.awaitInstance(ctx); err != nil {
			return endOfWatch(ctx, err)
		}
	}
}

// endOfWatch makes the ends that a person or a closed pipe asked for good ones.
func endOfWatch(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// awaitInstance waits until an instance runs.
func (o *options) awaitInstance(ctx context.Context) (*api, error) {
	for {
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if a, err := o.connect(); !errors.Is(err, errNoInstance) {
			return a, err
		}
	}
}

// follow shows the events of an instance. It returns nil when the instance has
// ended, and the error of show or a refusal otherwise.
func follow(ctx context.Context, a *api, show func(event string, data []byte) error) error {
	resp, err := a.send(ctx, http.MethodGet, "/api/v1/events", nil)
	if err != nil {
		return nil // it has just ended
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return refusal(resp.StatusCode, data)
	}
	var shown error
	_ = readEvents(resp.Body, func(event string, data []byte) error {
		shown = show(event, data)
		return shown
	})
	return shown
}

// readEvents calls show for each event of a server-sent event stream.
func readEvents(r io.Reader, show func(event string, data []byte) error) error {
	var event string
	var data []byte
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		line := sc.Text()
		switch field, value, _ := strings.Cut(line, ":"); field {
		case "event":
			event = strings.TrimPrefix(value, " ")
		case "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, strings.TrimPrefix(value, " ")...)
		case "":
			if line != "" || data == nil {
				continue // a comment, or an event without data
			}
			if err := show(event, data); err != nil {
				return err
			}
			event, data = "", nil
		}
	}
	return sc.Err()
}

// printerFor returns what prints events as the flags ask for.
func printerFor(format string, asJSON bool, out io.Writer) watchPrinter {
	switch {
	case format != "":
		return &barPrinter{out: out, bar: bars[format]}
	case asJSON:
		return jsonPrinter{out}
	}
	return linePrinter{out}
}

// A jsonPrinter prints each event's document on a line of its own.
type jsonPrinter struct{ out io.Writer }

func (p jsonPrinter) event(_ string, data []byte) error {
	_, err := fmt.Fprintf(p.out, "%s\n", data)
	return err
}

func (p jsonPrinter) gone() error {
	_, err := fmt.Fprintln(p.out, `{"running":false}`)
	return err
}

// A watchEvent is the document of an event: a snapshot or a change.
type watchEvent struct {
	Servers []server `json:"servers"`
	Server  *server  `json:"server"`
	Removed string   `json:"removed"`
}

func decodeEvent(data []byte) (watchEvent, error) {
	var ev watchEvent
	if err := json.Unmarshal(data, &ev); err != nil {
		return watchEvent{}, &failure{exitFailed, "the running instance sent an event that cannot be read", ""}
	}
	return ev, nil
}

// A linePrinter prints a line for each server of a snapshot and for each change after it.
type linePrinter struct{ out io.Writer }

func (p linePrinter) event(_ string, data []byte) error {
	ev, err := decodeEvent(data)
	if err != nil {
		return err
	}
	switch {
	case ev.Server != nil:
		ev.Servers = []server{*ev.Server}
	case ev.Removed != "":
		ev.Servers = []server{{Name: ev.Removed, State: "removed"}}
	}
	for _, s := range ev.Servers {
		line := fmt.Sprintf("%s  %-24s %-13s %s", time.Now().Format("15:04:05"), s.Name, s.State, oneLine(s.Problem.Text))
		if _, err := fmt.Fprintln(p.out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

func (linePrinter) gone() error { return nil }
