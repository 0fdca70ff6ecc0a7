"""A checkpoint behind a server with OpenAI's chat protocol."""
