package om

import (
	"fmt"
	"path/filepath"

	"github.com/mini-ozone/mini-ozone/internal/adminkey"
	"github.com/mini-ozone/mini-ozone/internal/keyfile"
)

// openKeys finds or makes the keys of secure mode.
func (s *Server) openKeys() error {
	if !s.cfg.Secure {
		return nil
	}
	var err error
	if s.admin, err = s.keyIn(s.cfg.AdminKeyFile, adminkey.FileName); err != nil {
		return fmt.Errorf("om: admin key: %w", err)
	}
	secretKey, err := s.secretKey()
	if err != nil {
		return fmt.Errorf("om: key of S3 secrets: %w", err)
	}
	s.sealer, err = newSealer(secretKey)
	return err
}

func (s *Server) secretKey() ([]byte, error) {
	if s.cfg.SecretKey != "" {
		return keyfile.Parse(s.cfg.SecretKey)
	}
	return s.keyIn(s.cfg.SecretKeyFile, "secret.key")
}

// keyIn is the key in path, or in the metadata directory under fallback. It is made
// when it is not there.
func (s *Server) keyIn(path, fallback string) ([]byte, error) {
	if path == "" {
		path = filepath.Join(s.cfg.Dir, fallback)
	}
	key, created, err := keyfile.LoadOrCreate(path)
	if created {
		s.log.Warn().Str("file", path).Msg("made a new key; keep a copy of it, and let nobody read it")
	}
	return key, err
}
