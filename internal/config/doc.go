// Package config declares the settings of Rostrum and reads them from the command line,
// the environment and a YAML file.
package config
