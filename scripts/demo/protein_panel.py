"""The demo's protein panel: real gene symbols, UniProt accessions and names; abundances and effects for the simulator.

In: nothing. Out: PANEL. Source of the directions in chronic liver disease and HCC: hepatic synthesis falls (ALB, APOA1, TTR,
RBP4, SERPINA4 ...), acute phase, matrix and oncofetal proteins rise (SAA1, CRP, LRG1, LGALS3BP, PIGR, AFP, GPC3 ...):
Niu et al. 2019 (Mol Syst Biol 15:e8793), Niu et al. 2022 (Nat Med 28:1277). Base levels and sizes are chosen, not measured.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PanelProtein:
    """`base` log2 height of an average peptide in MS1 counts, `effect` change in log2 per SD of the latent burden."""

    gene: str
    accession: str
    name: str
    base: float
    effect: float


_ROWS = """
AFP	P02771	Alpha-fetoprotein	15.2	1.00
GPC3	P51654	Glypican-3	15.0	0.70
ALB	P02768	Albumin	21.0	-0.25
APOA1	P02647	Apolipoprotein A-I	19.5	-0.30
APOA2	P02652	Apolipoprotein A-II	18.5	-0.25
APOA4	P06727	Apolipoprotein A-IV	17.5	-0.20
APOB	P04114	Apolipoprotein B-100	18.6	-0.05
APOC1	P02654	Apolipoprotein C-I	17.0	-0.15
APOC3	P02656	Apolipoprotein C-III	17.4	-0.15
APOE	P02649	Apolipoprotein E	17.2	0.05
APOH	P02749	Beta-2-glycoprotein 1	17.8	0.00
APOM	O95445	Apolipoprotein M	16.4	-0.30
TTR	P02766	Transthyretin	18.8	-0.35
RBP4	P02753	Retinol-binding protein 4	17.5	-0.35
SERPINA4	P29622	Kallistatin	16.6	-0.35
SERPINA1	P01009	Alpha-1-antitrypsin	19.6	0.15
SERPINA3	P01011	Alpha-1-antichymotrypsin	18.3	0.20
SERPINA5	P05154	Plasma serine protease inhibitor	16.0	-0.10
SERPINA6	P08185	Corticosteroid-binding globulin	16.5	-0.10
SERPINA7	P05543	Thyroxine-binding globulin	16.2	0.00
SERPINC1	P01008	Antithrombin-III	18.0	-0.20
SERPIND1	P05546	Heparin cofactor 2	17.2	-0.15
SERPINF1	P36955	Pigment epithelium-derived factor	17.0	-0.10
SERPINF2	P08697	Alpha-2-antiplasmin	17.1	-0.15
SERPING1	P05155	Plasma protease C1 inhibitor	17.6	0.10
SAA1	P0DJI8	Serum amyloid A-1 protein	16.5	0.60
CRP	P02741	C-reactive protein	15.8	0.50
HP	P00738	Haptoglobin	19.2	0.05
HPX	P02790	Hemopexin	18.6	0.00
FGA	P02671	Fibrinogen alpha chain	17.8	0.10
FGB	P02675	Fibrinogen beta chain	18.0	0.10
FGG	P02679	Fibrinogen gamma chain	17.9	0.10
ORM1	P02763	Alpha-1-acid glycoprotein 1	18.6	0.20
ORM2	P19652	Alpha-1-acid glycoprotein 2	17.6	0.20
LRG1	P02750	Leucine-rich alpha-2-glycoprotein	17.0	0.35
LGALS3BP	Q08380	Galectin-3-binding protein	16.2	0.45
PIGR	P01833	Polymeric immunoglobulin receptor	15.8	0.45
A2M	P01023	Alpha-2-macroglobulin	19.4	0.20
CP	P00450	Ceruloplasmin	18.4	0.10
TF	P02787	Serotransferrin	19.8	-0.20
C3	P01024	Complement C3	19.3	-0.10
C4A	P0C0L4	Complement C4-A	17.8	-0.10
C5	P01031	Complement C5	17.3	-0.05
C6	P13671	Complement component C6	16.6	-0.05
C7	P10643	Complement component C7	16.5	0.20
C9	P02748	Complement component C9	17.2	0.25
C1R	P00736	Complement C1r subcomponent	16.6	0.00
C1S	P09871	Complement C1s subcomponent	16.7	0.00
CFB	P00751	Complement factor B	17.9	0.05
CFH	P08603	Complement factor H	17.8	0.05
CFI	P05156	Complement factor I	17.0	0.05
F2	P00734	Prothrombin	17.4	-0.25
F9	P00740	Coagulation factor IX	15.9	-0.15
F10	P00742	Coagulation factor X	16.0	-0.25
F12	P00748	Coagulation factor XII	16.5	-0.15
F13B	P05160	Coagulation factor XIII B chain	16.2	0.00
PLG	P00747	Plasminogen	17.8	-0.20
KNG1	P01042	Kininogen-1	17.9	-0.10
KLKB1	P03952	Plasma kallikrein	16.8	-0.15
HRG	P04196	Histidine-rich glycoprotein	17.5	-0.30
AHSG	P02765	Alpha-2-HS-glycoprotein	18.3	-0.25
AMBP	P02760	Protein AMBP	17.6	0.00
ITIH1	P19827	Inter-alpha-trypsin inhibitor heavy chain H1	17.3	-0.20
ITIH2	P19823	Inter-alpha-trypsin inhibitor heavy chain H2	17.5	-0.20
ITIH3	Q06033	Inter-alpha-trypsin inhibitor heavy chain H3	16.4	0.15
ITIH4	Q14624	Inter-alpha-trypsin inhibitor heavy chain H4	17.8	0.05
VTN	P04004	Vitronectin	17.7	0.05
FN1	P02751	Fibronectin	17.6	-0.05
GC	P02774	Vitamin D-binding protein	18.4	-0.15
AZGP1	P25311	Zinc-alpha-2-glycoprotein	17.2	0.00
B2M	P61769	Beta-2-microglobulin	15.9	0.25
CLU	P10909	Clusterin	17.6	-0.05
PON1	P27169	Serum paraoxonase/arylesterase 1	17.1	-0.25
LCAT	P04180	Phosphatidylcholine-sterol acyltransferase	15.6	-0.30
GSN	P06396	Gelsolin	17.0	-0.20
LUM	P51884	Lumican	16.5	0.15
ECM1	Q16610	Extracellular matrix protein 1	15.9	0.15
QSOX1	O00391	Sulfhydryl oxidase 1	15.7	0.30
VWF	P04275	von Willebrand factor	16.2	0.35
CPN1	P15169	Carboxypeptidase N catalytic chain	15.8	0.00
CPN2	P22792	Carboxypeptidase N subunit 2	16.1	0.00
AFM	P43652	Afamin	16.9	-0.20
ATRN	O75882	Attractin	16.0	0.00
BTD	P43251	Biotinidase	15.7	-0.10
IGFALS	P35858	Insulin-like growth factor-binding protein complex acid labile subunit	16.0	-0.35
IGFBP3	P17936	Insulin-like growth factor-binding protein 3	15.6	-0.30
PGLYRP2	Q96PD5	N-acetylmuramoyl-L-alanine amidase	16.5	-0.25
SELENOP	P49908	Selenoprotein P	15.8	-0.10
THBS1	P07996	Thrombospondin-1	16.3	-0.10
TTN	Q8WZ42	Titin	13.5	0.00
SPP1	P10451	Osteopontin	15.0	0.60
GOLM1	Q8NBJ4	Golgi membrane protein 1	15.0	0.60
AKR1B10	O60218	Aldo-keto reductase family 1 member B10	14.8	0.50
MDK	P21741	Midkine	14.8	0.45
"""

PANEL = [
    PanelProtein(gene, accession, name, float(base), float(effect))
    for gene, accession, name, base, effect in (
        line.split("\t") for line in _ROWS.strip().splitlines()
    )
]
