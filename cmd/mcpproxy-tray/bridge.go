package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core"
	"mcpproxy-tray/internal/core/bridge"
	"mcpproxy-tray/internal/core/config"
)

func newBridge(o *options) *cobra.Command {
	var server string
	var search bool
	c := &cobra.Command{
		Use:   "bridge",
		Short: "Take MCP on stdin and stdout to the running instance, for clients that cannot speak HTTP",
		Long: `bridge is what an AI client starts that only knows servers it can start: it
takes the client's messages to the instance that runs, and its answers back. It
waits some seconds for an instance, and goes on when that is started again.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if server != "" && search {
				return &failure{exitUsage, "--server and --search exclude each other", "Choose one of them."}
			}
			dirs, err := o.dirs()
			if err != nil {
				return err
			}
			level, err := o.level()
			if err != nil {
				return err
			}
			err = bridge.Run(c.Context(), bridge.Options{
				In: os.Stdin, Out: os.Stdout, Path: bridgePath(server, search),
				Find:   func(context.Context) (string, string, error) { return o.endpoint(dirs) },
				Logger: slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: max(level, slog.LevelWarn)})),
			})
			if errors.Is(err, bridge.ErrNoInstance) {
				return errNoInstance
			}
			return err
		},
	}
	c.Flags().StringVar(&server, "server", "", "take the client to this `server` alone, as it is")
	o.offerServers(c)
	c.Flags().BoolVar(&search, "search", false, "take the client to the search over all tools")
	return c
}

func bridgePath(server string, search bool) string {
	switch {
	case server != "":
		return "/mcp/server/" + url.PathEscape(server)
	case search:
		return "/mcp/search"
	}
	return "/mcp"
}

// endpoint returns where the running instance listens, and the token for clients.
func (o *options) endpoint(dirs config.Dirs) (base, token string, err error) {
	inst, err := core.FindInstance(dirs)
	if err != nil { // also one that holds the lock and does not listen yet, or any more
		return "", "", bridge.ErrNoInstance
	}
	if err := o.means(inst); err != nil {
		return "", "", err
	}
	text, err := os.ReadFile(dirs.Token())
	if err != nil {
		return "", "", &failure{exitFailed, "the token of the running instance cannot be read",
			"Run this as the user who started mcpproxy-tray."}
	}
	return inst.URL, strings.TrimSpace(string(text)), nil
}
