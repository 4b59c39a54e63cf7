import sys, time, traceback, logging
from collections import Counter
from tests.chaos.scene import Scene
from tests.chaos.life import play
logging.disable(logging.CRITICAL)
n=int(sys.argv[1]); s=int(sys.argv[2]) if len(sys.argv)>2 else 0
try: play(Scene(seed=-1,verb="insert",n_rows=3,twists=()))
except BaseException: pass
t=time.time(); bad=0; total=Counter()
for seed in range(s,s+n):
    try: total+=play(Scene.of(seed))
    except BaseException as e:
        if isinstance(e,KeyboardInterrupt): raise
        bad+=1
        print(seed, type(e).__name__, str(e)[:300].replace("\n"," "), flush=True)
        if n==1: traceback.print_exc(); print(Scene.of(seed))
print(n, bad, time.time()-t, total)
