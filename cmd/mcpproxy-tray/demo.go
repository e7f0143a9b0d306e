package main

import (
	"os"

	"github.com/spf13/cobra"

	"mcpproxy-tray/internal/core/demo"
)

func newDemoServer() *cobra.Command {
	return &cobra.Command{
		Use:   "demo-server",
		Short: "Run the small MCP server that comes with the program, on stdin and stdout",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			served := make(chan error, 1)
			go func() { served <- demo.Serve(c.Context(), version, os.Stdin, os.Stdout) }()
			select {
			case err := <-served:
				if err == nil || c.Context().Err() != nil {
					return nil
				}
				return &failure{exitFailed, "the client sent something that is not MCP", ""}
			case <-c.Context().Done():
				return nil // a read of stdin cannot be interrupted; the end of the process ends it
			}
		},
	}
}
