package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/tray/autostart"
)

func newAutostart(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "autostart",
		Short: "Start the program at login, or not",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	turn := func(use, short, done string, on bool) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			l, err := login()
			if err == nil {
				err = l.SetEnabled(on)
			}
			if err != nil {
				return &failure{exitFailed, err.Error(), ""}
			}
			say(c, "%s", done)
			return nil
		}}
	}
	c.AddCommand(
		turn("enable", "Start at login", "mcpproxy-tray starts at your next login", true),
		turn("disable", "Do not start at login", "mcpproxy-tray no longer starts at login", false),
		&cobra.Command{Use: "status", Short: "Say whether it starts at login", Args: noArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				l, err := login()
				if err != nil {
					return &failure{exitFailed, err.Error(), ""}
				}
				switch on := l.Enabled(); {
				case o.json():
					fmt.Fprintf(c.OutOrStdout(), "{\"enabled\":%t}\n", on)
				case on:
					fmt.Fprintln(c.OutOrStdout(), "enabled")
				default:
					fmt.Fprintln(c.OutOrStdout(), "disabled")
				}
				return nil
			}},
	)
	return c
}

// login is the start at login of this program.
func login() (*autostart.Login, error) {
	if os.Getenv("MCPPROXY_TRAY_HOME") != "" {
		return nil, errors.New("a start at login would not know of MCPPROXY_TRAY_HOME; unset it first")
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program file: %w", err)
	}
	return autostart.New(self)
}
