package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// instanceStatus is the document of /api/v1/status.
type instanceStatus struct {
	URL    string         `json:"url"`
	Counts map[string]int `json:"counts"`
	Paused bool           `json:"paused"`
	Tray   struct {
		Running  bool   `json:"running"`
		Attached bool   `json:"attached"`
		Reason   string `json:"reason"`
	} `json:"tray"`
	Problems []struct {
		Text string `json:"text"`
		Hint string `json:"hint"`
	} `json:"problems"`
}

func newStatus(o *options) *cobra.Command {
	var watch bool
	var format string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the state of all servers",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, ok := bars[format]; !ok {
				return &failure{exitUsage, fmt.Sprintf("unknown format %q", format), "Use --format waybar or --format polybar."}
			}
			a, err := o.connect()
			if watch && (err == nil || format != "" && errors.Is(err, errNoInstance)) {
				return watchStatus(c, o, a, printerFor(format, o.json(), c.OutOrStdout()))
			}
			if err != nil {
				return err
			}
			if format != "" {
				list, err := a.servers(c.Context())
				if err != nil {
					return err
				}
				return bars[format](c.OutOrStdout(), list.Servers)
			}
			return showStatus(c.Context(), a, o.json(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&format, "format", "", "for a status bar: `waybar` or polybar")
	offer(c, "format", "waybar", "polybar")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "follow the changes, also over restarts of the program; with -o json one object a line")
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
	if st.Tray.Running && !st.Tray.Attached && st.Tray.Reason != "" {
		fmt.Fprintf(out, "no tray icon: %s\n", oneLine(st.Tray.Reason))
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

// summary says how many of the servers that are switched on are connected, as the menu does.
func summary(servers []server) string {
	connected, enabled := 0, 0
	for _, s := range servers {
		if !s.Enabled {
			continue
		}
		enabled++
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
	w, flush := table(out)
	paint := painter(out)
	fmt.Fprintf(w, "NAME\t%s\tTOOLS\tSINCE\tPROBLEM\n", paint(neutral, "STATE"))
	for _, s := range servers {
		tools := ""
		if s.State == "connected" {
			tools = fmt.Sprint(s.Tools.Approved)
			if held := s.Tools.Total - s.Tools.Approved; held > 0 {
				tools += fmt.Sprintf(", %d held", held)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Name, paint(stateColours[s.State], s.State), tools, clock(s.Since), oneLine(s.Problem.Text))
	}
	return flush()
}

// oneLine keeps a text of the API on its line of a table or terminal, and from
// controlling the terminal.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }), " ")
}
