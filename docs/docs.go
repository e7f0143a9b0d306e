// Package docs holds the one document that the program itself hands out. The others
// are for people to read where they lie. Nobody changes what it holds.
package docs

import _ "embed"

// OpenAPI describes the HTTP API: OpenAPI 3.1 as JSON. Tests compare it with the
// routes and with what a running program answers.
//
//go:embed openapi.json
var OpenAPI []byte
