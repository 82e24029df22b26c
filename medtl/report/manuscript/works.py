"""Every work that a run can cite, and how a reference is written.

Each entry has a DOI, an arXiv number or the publisher's own page; a work without one is not cited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

VOLUME_TO_PAGE = re.compile(r"(\d+)(?:\((\d+)\))?:(e?[\d-]+)")
"""`6(4):e240300`, `12:2825-2830`."""


@dataclass(frozen=True)
class Reference:
    """One work: `cited` is how a sentence names it; `where` is the journal or conference, `pages` volume to page."""

    key: str
    kind: str
    cited: str
    authors: str
    title: str
    year: int
    where: str = ""
    pages: str = ""
    doi: str = ""
    arxiv: str = ""
    url: str = ""

    @property
    def in_words(self) -> str:
        """The work as a line of a list."""
        names = self.authors.replace(" and others", ", et al.").replace(" and ", "; ")
        found = f"doi:{self.doi}" if self.doi else f"arXiv:{self.arxiv}" if self.arxiv else self.url
        where = f" {f'{self.where} {self.pages}'.strip()}." if self.where else ""
        return f"{names} ({self.year}). {self.title}.{where} {found}"

    @property
    def bibtex(self) -> str:
        """The work as BibTeX; titles keep their capitals."""
        found = VOLUME_TO_PAGE.fullmatch(self.pages)
        volume, number, pages = found.groups() if found else ("", "", "")
        fields = {
            "author": self.authors, "title": f"{{{self.title}}}", "year": str(self.year),
            "journal" if self.kind == "article" else "booktitle": self.where,
            "volume": volume, "number": number, "pages": pages.replace("-", "--"), "doi": self.doi,
            "eprint": self.arxiv, "archiveprefix": "arXiv" if self.arxiv else "", "url": self.url,
        }  # fmt: skip
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


WORKS = MappingProxyType(
    {
        work.key: work
        for work in (
            Reference("paszke2019", "inproceedings", "Paszke et al. 2019", "Paszke, Adam and others",
                      "PyTorch: An Imperative Style, High-Performance Deep Learning Library", 2019,
                      "Advances in Neural Information Processing Systems 32", arxiv="1912.01703"),
            Reference("cardoso2022", "misc", "Cardoso et al. 2022", "Cardoso, M. Jorge and others",
                      "MONAI: An open-source framework for deep learning in healthcare", 2022, arxiv="2211.02701"),
            Reference("pedregosa2011", "article", "Pedregosa et al. 2011", "Pedregosa, Fabian and others",
                      "Scikit-learn: Machine Learning in Python", 2011,
                      "Journal of Machine Learning Research", "12:2825-2830",
                      url="https://jmlr.org/papers/v12/pedregosa11a.html"),
            Reference("russakovsky2015", "article", "Russakovsky et al. 2015", "Russakovsky, Olga and others",
                      "ImageNet Large Scale Visual Recognition Challenge", 2015,
                      "International Journal of Computer Vision", "115(3):211-252", doi="10.1007/s11263-015-0816-y"),
            Reference("he2016", "inproceedings", "He et al. 2016",
                      "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
                      "Deep Residual Learning for Image Recognition", 2016,
                      "IEEE Conference on Computer Vision and Pattern Recognition", doi="10.1109/CVPR.2016.90",
                      arxiv="1512.03385"),
            Reference("huang2017", "inproceedings", "Huang et al. 2017",
                      "Huang, Gao and Liu, Zhuang and van der Maaten, Laurens and Weinberger, Kilian Q.",
                      "Densely Connected Convolutional Networks", 2017,
                      "IEEE Conference on Computer Vision and Pattern Recognition", doi="10.1109/CVPR.2017.243",
                      arxiv="1608.06993"),
            Reference("mei2022", "article", "Mei et al. 2022", "Mei, Xueyan and others",
                      "RadImageNet: An Open Radiologic Deep Learning Research Dataset for Effective Transfer Learning",
                      2022, "Radiology: Artificial Intelligence", "4(5):e210315", doi="10.1148/ryai.210315"),
            Reference("chen2019", "misc", "Chen et al. 2019", "Chen, Sihong and Ma, Kai and Zheng, Yefeng",
                      "Med3D: Transfer Learning for 3D Medical Image Analysis", 2019, arxiv="1904.00625"),
            Reference("carreira2017", "inproceedings", "Carreira and Zisserman 2017",
                      "Carreira, João and Zisserman, Andrew",
                      "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", 2017,
                      "IEEE Conference on Computer Vision and Pattern Recognition", doi="10.1109/CVPR.2017.502",
                      arxiv="1705.07750"),
            Reference("yang2021", "article", "Yang et al. 2021", "Yang, Jiancheng and others",
                      "Reinventing 2D Convolutions for 3D Images", 2021,
                      "IEEE Journal of Biomedical and Health Informatics", arxiv="1911.10477"),
            Reference("kumar2022", "inproceedings", "Kumar et al. 2022", "Kumar, Ananya and others",
                      "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", 2022,
                      "International Conference on Learning Representations", arxiv="2202.10054"),
            Reference("yosinski2014", "inproceedings", "Yosinski et al. 2014", "Yosinski, Jason and others",
                      "How transferable are features in deep neural networks?", 2014,
                      "Advances in Neural Information Processing Systems 27", arxiv="1411.1792"),
            Reference("howard2018", "inproceedings", "Howard and Ruder 2018", "Howard, Jeremy and Ruder, Sebastian",
                      "Universal Language Model Fine-tuning for Text Classification", 2018,
                      "Annual Meeting of the Association for Computational Linguistics", arxiv="1801.06146"),
            Reference("li2018", "inproceedings", "Li et al. 2018",
                      "Li, Xuhong and Grandvalet, Yves and Davoine, Franck",
                      "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", 2018,
                      "International Conference on Machine Learning", arxiv="1802.01483"),
            Reference("frankle2021", "inproceedings", "Frankle et al. 2021",
                      "Frankle, Jonathan and Schwab, David J. and Morcos, Ari S.",
                      "Training BatchNorm and Only BatchNorm: On the Expressive Power of Random Features in CNNs", 2021,
                      "International Conference on Learning Representations", arxiv="2003.00152"),
            Reference("szegedy2016", "inproceedings", "Szegedy et al. 2016", "Szegedy, Christian and others",
                      "Rethinking the Inception Architecture for Computer Vision", 2016,
                      "IEEE Conference on Computer Vision and Pattern Recognition", arxiv="1512.00567"),
            Reference("srivastava2014", "article", "Srivastava et al. 2014", "Srivastava, Nitish and others",
                      "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014,
                      "Journal of Machine Learning Research", "15:1929-1958",
                      url="https://jmlr.org/papers/v15/srivastava14a.html"),
            Reference("saerens2002", "article", "Saerens et al. 2002",
                      "Saerens, Marco and Latinne, Patrice and Decaestecker, Christine",
                      "Adjusting the Outputs of a Classifier to New a Priori Probabilities: A Simple Procedure", 2002,
                      "Neural Computation", "14(1):21-41", doi="10.1162/089976602753284446"),
            Reference("zhang2018", "inproceedings", "Zhang et al. 2018",
                      "Zhang, Hongyi and Cisse, Moustapha and Dauphin, Yann N. and Lopez-Paz, David",
                      "mixup: Beyond Empirical Risk Minimization", 2018,
                      "International Conference on Learning Representations", arxiv="1710.09412"),
            Reference("yun2019", "inproceedings", "Yun et al. 2019", "Yun, Sangdoo and others",
                      "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019,
                      "IEEE/CVF International Conference on Computer Vision", arxiv="1905.04899"),
            Reference("izmailov2018", "inproceedings", "Izmailov et al. 2018", "Izmailov, Pavel and others",
                      "Averaging Weights Leads to Wider Optima and Better Generalization", 2018,
                      "Conference on Uncertainty in Artificial Intelligence", arxiv="1803.05407"),
            Reference("krizhevsky2012", "inproceedings", "Krizhevsky et al. 2012",
                      "Krizhevsky, Alex and Sutskever, Ilya and Hinton, Geoffrey E.",
                      "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
                      "Advances in Neural Information Processing Systems 25",
                      url="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-"
                      "networks"),
            Reference("kornblith2019", "inproceedings", "Kornblith et al. 2019", "Kornblith, Simon and others",
                      "Similarity of Neural Network Representations Revisited", 2019,
                      "International Conference on Machine Learning", arxiv="1905.00414"),
            Reference("nguyen2021", "inproceedings", "Nguyen et al. 2021",
                      "Nguyen, Thao and Raghu, Maithra and Kornblith, Simon",
                      "Do Wide and Deep Networks Learn the Same Things? Uncovering How Neural Network Representations "
                      "Vary with Width and Depth", 2021,
                      "International Conference on Learning Representations", arxiv="2010.15327"),
            Reference("lee2023", "inproceedings", "Lee et al. 2023", "Lee, Yoonho and others",
                      "Surgical Fine-Tuning Improves Adaptation to Distribution Shifts", 2023,
                      "International Conference on Learning Representations", arxiv="2210.11466"),
            Reference("hu2022", "inproceedings", "Hu et al. 2022", "Hu, Edward J. and others",
                      "LoRA: Low-Rank Adaptation of Large Language Models", 2022,
                      "International Conference on Learning Representations", arxiv="2106.09685"),
            Reference("draelos2020", "misc", "Draelos and Carin 2020", "Draelos, Rachel Lea and Carin, Lawrence",
                      "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
                      2020, arxiv="2011.08891"),
            Reference("jiang2021", "article", "Jiang et al. 2021", "Jiang, Peng-Tao and others",
                      "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", 2021,
                      "IEEE Transactions on Image Processing", "30:5875-5888", doi="10.1109/TIP.2021.3089943"),
            Reference("chattopadhay2018", "inproceedings", "Chattopadhay et al. 2018",
                      "Chattopadhay, Aditya and others",
                      "Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep Convolutional Networks",
                      2018, "IEEE Winter Conference on Applications of Computer Vision", arxiv="1710.11063"),
            Reference("muhammad2020", "inproceedings", "Muhammad and Yeasin 2020",
                      "Muhammad, Mohammed Bany and Yeasin, Mohammed",
                      "Eigen-CAM: Class Activation Map using Principal Components", 2020,
                      "International Joint Conference on Neural Networks", arxiv="2008.00299"),
            Reference("adebayo2018", "inproceedings", "Adebayo et al. 2018", "Adebayo, Julius and others",
                      "Sanity Checks for Saliency Maps", 2018, "Advances in Neural Information Processing Systems 31",
                      arxiv="1810.03292"),
            Reference("arun2021", "article", "Arun et al. 2021", "Arun, Nishanth and others",
                      "Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging",
                      2021, "Radiology: Artificial Intelligence", "3(6):e200267", doi="10.1148/ryai.2021200267"),
            Reference("petsiuk2018", "inproceedings", "Petsiuk et al. 2018",
                      "Petsiuk, Vitali and Das, Abir and Saenko, Kate",
                      "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,
                      "British Machine Vision Conference", arxiv="1806.07421"),
            Reference("efron1979", "article", "Efron 1979", "Efron, Bradley",
                      "Bootstrap Methods: Another Look at the Jackknife", 1979, "The Annals of Statistics", "7(1):1-26",
                      doi="10.1214/aos/1176344552"),
            Reference("nadeau2003", "article", "Nadeau and Bengio 2003", "Nadeau, Claude and Bengio, Yoshua",
                      "Inference for the Generalization Error", 2003, "Machine Learning", "52(3):239-281",
                      doi="10.1023/A:1024068626366"),
            Reference("varma2006", "article", "Varma and Simon 2006", "Varma, Sudhir and Simon, Richard",
                      "Bias in error estimation when using cross-validation for model selection", 2006,
                      "BMC Bioinformatics", "7:91", doi="10.1186/1471-2105-7-91"),
            Reference("delong1988", "article", "DeLong et al. 1988",
                      "DeLong, Elizabeth R. and DeLong, David M. and Clarke-Pearson, Daniel L.",
                      "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves: A "
                      "Nonparametric Approach", 1988, "Biometrics", "44(3):837-845", doi="10.2307/2531595"),
            Reference("phipson2010", "article", "Phipson and Smyth 2010", "Phipson, Belinda and Smyth, Gordon K.",
                      "Permutation P-values Should Never Be Zero: Calculating Exact P-values When Permutations Are "
                      "Randomly Drawn", 2010, "Statistical Applications in Genetics and Molecular Biology", "9(1):39",
                      doi="10.2202/1544-6115.1585"),
            Reference("vickers2006", "article", "Vickers and Elkin 2006",
                      "Vickers, Andrew J. and Elkin, Elena B.",
                      "Decision Curve Analysis: A Novel Method for Evaluating Prediction Models", 2006,
                      "Medical Decision Making", "26(6):565-574", doi="10.1177/0272989X06295361"),
            Reference("wilson1927", "article", "Wilson 1927", "Wilson, Edwin B.",
                      "Probable Inference, the Law of Succession, and Statistical Inference", 1927,
                      "Journal of the American Statistical Association", "22(158):209-212",
                      doi="10.1080/01621459.1927.10502953"),
            Reference("youden1950", "article", "Youden 1950", "Youden, W. J.", "Index for rating diagnostic tests",
                      1950, "Cancer", "3(1):32-35",
                      doi="10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3"),
            Reference("brier1950", "article", "Brier 1950", "Brier, Glenn W.",
                      "Verification of forecasts expressed in terms of probability", 1950,
                      "Monthly Weather Review", "78(1):1-3",
                      doi="10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"),
            Reference("mitchell2019", "inproceedings", "Mitchell et al. 2019", "Mitchell, Margaret and others",
                      "Model Cards for Model Reporting", 2019,
                      "Conference on Fairness, Accountability, and Transparency", doi="10.1145/3287560.3287596",
                      arxiv="1810.03993"),
            Reference("tejani2024", "article", "Tejani et al. 2024", "Tejani, Ali S. and others",
                      "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update", 2024,
                      "Radiology: Artificial Intelligence", "6(4):e240300", doi="10.1148/ryai.240300"),
            Reference("collins2024", "article", "Collins et al. 2024", "Collins, Gary S. and others",
                      "TRIPOD+AI statement: updated guidance for reporting clinical prediction models that use "
                      "regression or machine learning methods", 2024, "BMJ", "385:e078378",
                      doi="10.1136/bmj-2023-078378"),
        )
    }
)  # fmt: skip
"""Every work that a run can cite."""
