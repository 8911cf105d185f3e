"""The reference's request path, made again: FastAPI, pydantic in and out, an executor, torch for each user.

Started as `python -m benchmarks.reference_service PORT FOLDER`. Left out in its favour: the cache in Redis that it asks
first, and its metrics middleware.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Request(BaseModel):
    """Users."""

    user_ids: list[int]


class UserPlaylists(BaseModel):
    """One user's list."""

    user_id: int
    playlists: list[int]


def make_app(folder: Path) -> FastAPI:
    """The application over the arrays `users`, `playlists` (f32), `candidates` (int64) and `pids` in a folder."""
    torch.set_num_threads(1)
    users, playlists, candidates, pids = (
        torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("users", "playlists", "candidates", "pids")
    )
    executor = ThreadPoolExecutor(1)
    app = FastAPI()

    def rank(user: int) -> list[int]:
        with torch.no_grad():
            own = candidates[user]
            scores = playlists[own] @ users[user]
            return pids[own[torch.topk(scores, 5).indices]].tolist()

    def infer(user_ids: list[int]) -> list[UserPlaylists]:
        return [UserPlaylists(user_id=user, playlists=rank(user)) for user in user_ids]

    @app.post("/api/playlist/recommend/", response_model=list[UserPlaylists])
    async def recommend(request: Request) -> list[UserPlaylists]:
        return await asyncio.get_running_loop().run_in_executor(executor, infer, request.user_ids)

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False
    )
