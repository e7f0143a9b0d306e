package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// instanceStatus is the document of /api/v1/status.
type instanceStatus struct {
	URL      string         `json:"url"`
	Counts   map[string]int `json:"counts"`
	Paused   bool           `json:"paused"`
	Problems []struct {
		Text string `json:"text"`
		Hint string `json:"hint"`
	} `json:"problems"`
}

func newStatus(o *options) *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the state of all servers",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := o.connect()
			if err != nil {
				return err
			}
			if watch {
				return watchStatus(c.Context(), a, o.json(), c.OutOrStdout())
			}
			return showStatus(c.Context(), a, o.json(), c.OutOrStdout())
		},
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "follow the changes; with -o json one object a line")
	return c
}

func showStatus(ctx context.Context, a *api, asJSON bool, out io.Writer) error {
	if asJSON {
		return printDocument(ctx, a, "/api/v1/status", out)
	}
	data, err := a.do(ctx, http.MethodGet, "/api/v1/status", nil)
	if err != nil {
		return err
	}
	var st instanceStatus
	if err := json.Unmarshal(data, &st); err != nil {
		return a.unreachable()
	}
	list, err := a.servers(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "endpoint %s/mcp\n%s\n", st.URL, summary(list.Servers))
	if st.Paused {
		fmt.Fprintln(out, "calls are paused: clients get an error until you choose “Resume calls” in the tray")
	}
	for _, p := range st.Problems {
		fmt.Fprintf(out, "! %s %s\n", oneLine(p.Text), oneLine(p.Hint))
	}
	return printServers(out, list.Servers)
}

// printDocument copies one JSON document of the API to out.
func printDocument(ctx context.Context, a *api, path string, out io.Writer) error {
	data, err := a.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n", strings.TrimSpace(string(data)))
	return nil
}

func (a *api) servers(ctx context.Context) (serverList, error) {
	data, err := a.do(ctx, http.MethodGet, "/api/v1/servers", nil)
	if err != nil {
		return serverList{}, err
	}
	var list serverList
	if err := json.Unmarshal(data, &list); err != nil {
		return serverList{}, a.unreachable()
	}
	return list, nil
}

func summary(servers []server) string {
	connected, enabled := 0, 0
	for _, s := range servers {
		if s.Enabled {
			enabled++
		}
		if s.State == "connected" {
			connected++
		}
	}
	return fmt.Sprintf("%d of %d connected", connected, enabled)
}

func printServers(out io.Writer, servers []server) error {
	if len(servers) == 0 {
		_, err := fmt.Fprintln(out, "no servers")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tTOOLS\tSINCE\tPROBLEM")
	for _, s := range servers {
		since := ""
		if !s.Since.IsZero() {
			since = s.Since.Local().Format("2006-01-02 15:04:05")
		}
		tools := ""
		if s.State == "connected" {
			tools = fmt.Sprint(s.Tools.Approved)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.State, tools, since, oneLine(s.Problem.Text))
	}
	return w.Flush()
}

// oneLine keeps a text of the API on its line of a table or terminal, and from
// controlling the terminal.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }), " ")
}

// watchStatus prints the state of all servers, then each change, until ctx is
// done or the instance ends.
func watchStatus(ctx context.Context, a *api, asJSON bool, out io.Writer) error {
	resp, err := a.send(ctx, http.MethodGet, "/api/v1/events", nil)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return refusal(resp.StatusCode, data)
	}
	show := changePrinter(out)
	if asJSON {
		show = func(_ string, data []byte) error {
			_, err := fmt.Fprintf(out, "%s\n", data)
			return err
		}
	}
	err = readEvents(resp.Body, show)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return &failure{exitNoInstance, "the instance has ended", ""}
	}
	return err
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

// changePrinter prints a line for each server of a snapshot and for each change after it.
func changePrinter(out io.Writer) func(event string, data []byte) error {
	line := func(s server) {
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%s  %-24s %-13s %s",
			time.Now().Format("15:04:05"), s.Name, s.State, oneLine(s.Problem.Text)), " "))
	}
	return func(event string, data []byte) error {
		var doc struct {
			Servers []server `json:"servers"`
			Server  *server  `json:"server"`
			Removed string   `json:"removed"`
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			return &failure{exitFailed, "the running instance sent an event that cannot be read", ""}
		}
		switch {
		case doc.Server != nil:
			line(*doc.Server)
		case doc.Removed != "":
			line(server{Name: doc.Removed, State: "removed"})
		case event == "snapshot":
			for s := range slices.Values(doc.Servers) {
				line(s)
			}
		}
		return nil
	}
}
