// Package assets embeds the icons that the tray shows. It holds data only.
package assets
