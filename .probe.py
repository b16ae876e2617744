import time,sys
t=time.perf_counter()
import assay_pipelines.train
from assay_pipelines.train import loop, engine, network, folders, vocabulary, timetable, examples, settings, chats
print("import",time.perf_counter()-t)
import torch, random, numpy as np, pathlib, tempfile
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True); torch.utils.deterministic.fill_uninitialized_memory=False
random.seed(0)
words="the cat sat on a mat and then it went home because of rain while dogs run in parks".split()
def sent(n): return " ".join(random.choice(words) for _ in range(n))
ch=chats.Chats([f"{i:05d}" for i in range(1000)], ["user","assistant"]*1000, [sent(random.randint(5,20)) for _ in range(2000)], list(range(0,2002,2)))
t=time.perf_counter()
tok=vocabulary.train_tokenizer(ch.contents,1000); print("tok", time.perf_counter()-t, tok.size)
t=time.perf_counter()
ex=examples.sft_examples(ch,tok,tok.writer("chatml"),256); print("ex", time.perf_counter()-t, len(ex.tokens), ex.learned.sum(), ex.notes)
print(tok.fast.decode(ex.tokens[:ex.offsets[1]]), '|', tok.fast.decode(ex.tokens[:ex.offsets[1]][ex.learned[:ex.offsets[1]]]))
from assay.api.model import Llama
from assay.api.train import *
t=time.perf_counter()
torch.manual_seed(0)
m=network.new_llama(Llama(hiddenSize=128,layers=5,heads=4,context=256),tok); print("model",time.perf_counter()-t, sum(p.numel() for p in m.parameters()))
tr=Train.model_validate(dict(data={"from":"x"},model={"llama":dict(hiddenSize=128,layers=4,heads=4)},batchSize=32,optimizer=dict(lr=1e-3),sequenceLength=256))
tt=timetable.make_timetable(tr,ex.ids,None)
place=engine.Place()
t=time.perf_counter(); engine.join(place); print("join",time.perf_counter()-t)
t=time.perf_counter(); e=engine.Engine(network.Network(m,torch.float32),place,tr.optimizer,int(sys.argv[1]) if len(sys.argv)>1 else 0); print("init",time.perf_counter()-t)
saved=[]
def save(k):
    t=time.perf_counter(); f=pathlib.Path(tempfile.mkdtemp())/"m"; folders.settle_configuration(m,tok); folders.save_model(f,m,e,tok,leads=True); print("save",time.perf_counter()-t); saved.append(f)
t=time.perf_counter();c0=time.process_time()
if len(sys.argv)>2:
    import cProfile; pr=cProfile.Profile(); pr.enable()
c=loop.learn(e,ex,tt,place=place,micro_batch=8,report=lambda *a,**k:print(a,k),save=save)
if len(sys.argv)>2:
    pr.disable(); import pstats; pstats.Stats(pr).sort_stats("cumtime").print_stats(45)
print("loop",time.perf_counter()-t,time.process_time()-c0, sum(c.tokens), c.losses[0],c.losses[-1])
import os; os.system(f"ls -la {saved[0]}; cat {saved[0]}/tokenizer_config.json {saved[0]}/config.json")
